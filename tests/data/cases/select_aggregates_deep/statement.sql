SELECT coalesce(json_agg("r4".*), '[]') FROM (SELECT "t1"."id", (SELECT coalesce(json_agg("r2".*), '[]') FROM
(SELECT "t2"."id", (SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n" FROM "public"."comment" AS "t3"
WHERE (("t3"."article_id" = "t2"."id") AND (("t3"."hidden" = false) OR ("t3"."user_id" = $1::integer)))) AS
"r1") AS "comments" FROM "public"."article" AS "t2" WHERE (("t2"."author_id" = "t1"."id") AND
(("t2"."published" = true) OR ("t2"."author_id" = $2::integer))) ORDER BY "t2"."id") AS "r2") AS "articles",
(SELECT row_to_json("r3".*) FROM (SELECT count(*) AS "n", avg("t4"."rating") AS "mean" FROM "public"."article"
AS "t4" WHERE (("t4"."author_id" = "t1"."id") AND (("t4"."published" = true) OR ("t4"."author_id" =
$3::integer)))) AS "r3") AS "all" FROM "public"."author" AS "t1" ORDER BY "t1"."id") AS "r4"
