SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
count(*) AS "n" FROM "public"."comment" AS "t2" WHERE (("t2"."article_id" = "t1"."id") AND (("t2"."hidden" =
false) OR ("t2"."user_id" = $1::integer)))) AS "r1") AS "comments" FROM "public"."article" AS "t1" WHERE
(("t1"."published" = true) OR ("t1"."author_id" = $2::integer)) ORDER BY "t1"."id") AS "r2"
