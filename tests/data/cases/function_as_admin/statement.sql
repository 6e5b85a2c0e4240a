SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title", "t1"."body", "t1"."author_id",
"t1"."editor_id", "t1"."published", "t1"."rating", "t1"."price", "t1"."created", "t1"."tags", "t1"."data",
"t1"."raw", "t1"."mood", "t1"."size" FROM "public"."search_article"($1::text) AS "t1" WHERE ("t1"."id" =
$2::integer)) AS "r1"
