SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title" FROM
"public"."search_article"($1::text) AS "t1" WHERE ((("t1"."published" = true) OR ("t1"."author_id" =
$2::integer)) AND ("t1"."rating" >= $3::smallint)) ORDER BY "t1"."id" DESC LIMIT 5) AS "r1"
