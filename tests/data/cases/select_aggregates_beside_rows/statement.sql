SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t1"."id", (SELECT coalesce(json_agg("r1".*), '[]') FROM
(SELECT "t2"."text" FROM "public"."comment" AS "t2" WHERE (("t2"."article_id" = "t1"."id") AND (("t2"."hidden"
= false) OR ("t2"."user_id" = $1::integer)))) AS "r1") AS "comments", (SELECT row_to_json("r2".*) FROM (SELECT
count(*) AS "n" FROM "public"."comment" AS "t3" WHERE (("t3"."article_id" = "t1"."id") AND (("t3"."hidden" =
false) OR ("t3"."user_id" = $2::integer)))) AS "r2") AS "numbers" FROM "public"."article" AS "t1" WHERE
(("t1"."published" = true) OR ("t1"."author_id" = $3::integer)) ORDER BY "t1"."id") AS "r3"
