SELECT coalesce(json_agg("r4".*), '[]') FROM (SELECT "t1"."name", (SELECT coalesce(json_agg("r3".*), '[]')
FROM (SELECT "t2"."title", (SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t3"."text", (SELECT
row_to_json("r1".*) FROM (SELECT "t4"."id" FROM "public"."article" AS "t4" WHERE (("t4"."id" =
"t3"."article_id") AND (("t4"."published" = true) OR ("t4"."author_id" = $1::integer)))) AS "r1") AS "article"
FROM "public"."comment" AS "t3" WHERE (("t3"."article_id" = "t2"."id") AND (("t3"."hidden" = false) OR
("t3"."user_id" = $2::integer)))) AS "r2") AS "comments" FROM "public"."article" AS "t2" WHERE
(("t2"."author_id" = "t1"."id") AND (("t2"."published" = true) OR ("t2"."author_id" = $3::integer)))) AS "r3")
AS "articles" FROM "public"."author" AS "t1") AS "r4"
