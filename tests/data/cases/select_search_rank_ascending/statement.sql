SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title",
ts_rank(to_tsvector('"english"'::regconfig, "t1"."title"), websearch_to_tsquery('"english"'::regconfig,
$1::text)) AS "score" FROM "public"."article" AS "t1" WHERE (("t1"."id" = ANY ($2::integer[])) AND
(to_tsvector('"english"'::regconfig, "t1"."title") @@ websearch_to_tsquery('"english"'::regconfig, $3::text)))
ORDER BY ts_rank(to_tsvector('"english"'::regconfig, "t1"."title"),
websearch_to_tsquery('"english"'::regconfig, $4::text))) AS "r1"
