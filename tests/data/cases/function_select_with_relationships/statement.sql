SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."name" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) AS "r1") AS "author", (SELECT
coalesce(json_agg("r2".*), '[]') FROM (SELECT "t3"."text" FROM "public"."comment" AS "t3" WHERE
(("t3"."article_id" = "t1"."id") AND (("t3"."hidden" = false) OR ("t3"."user_id" = $1::integer))) ORDER BY
"t3"."id") AS "r2") AS "comments" FROM "public"."search_article"($2::text) AS "t1" WHERE (("t1"."published" =
true) OR ("t1"."author_id" = $3::integer)) ORDER BY (SELECT "t4"."name" FROM "public"."author" AS "t4" WHERE
("t4"."id" = "t1"."author_id"))) AS "r3"
