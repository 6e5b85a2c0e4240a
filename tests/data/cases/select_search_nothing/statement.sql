SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."title" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND (to_tsvector('"english"'::regconfig,
"t1"."title") @@ websearch_to_tsquery('"english"'::regconfig, $2::text))) ORDER BY
ts_rank(to_tsvector('"english"'::regconfig, "t1"."title"), websearch_to_tsquery('"english"'::regconfig,
$3::text)) DESC) AS "r1"
