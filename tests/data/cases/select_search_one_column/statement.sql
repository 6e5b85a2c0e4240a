SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."title" FROM "public"."article" AS "t1" WHERE
(("t1"."published" = true) AND (to_tsvector('"simple"'::regconfig, "t1"."title") @@
websearch_to_tsquery('"simple"'::regconfig, $1::text))) ORDER BY ts_rank(to_tsvector('"simple"'::regconfig,
"t1"."title"), websearch_to_tsquery('"simple"'::regconfig, $2::text)) DESC LIMIT 100) AS "r1"
