SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."name", (SELECT coalesce(json_agg("r1".*), '[]')
FROM (SELECT "t2"."title", ts_rank(to_tsvector('"english"'::regconfig, "t2"."title"),
websearch_to_tsquery('"english"'::regconfig, $1::text)) AS "fit" FROM "public"."article" AS "t2" WHERE
(("t2"."author_id" = "t1"."id") AND (to_tsvector('"english"'::regconfig, "t2"."title") @@
websearch_to_tsquery('"english"'::regconfig, $2::text))) ORDER BY ts_rank(to_tsvector('"english"'::regconfig,
"t2"."title"), websearch_to_tsquery('"english"'::regconfig, $3::text)) DESC) AS "r1") AS "articles" FROM
"public"."author" AS "t1" ORDER BY "t1"."id") AS "r2"
