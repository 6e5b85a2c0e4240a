SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t1"."name", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."title", (SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t3"."text" FROM "public"."comment" AS
"t3" WHERE (("t3"."article_id" = "t2"."id") AND (("t3"."hidden" = false) OR ("t3"."user_id" = $1::integer))))
AS "r2") AS "comments" FROM "public"."author_first"("t1".*) AS "t2" WHERE ((NOT ("t2".* IS NULL)) AND
(("t2"."published" = true) OR ("t2"."author_id" = $2::integer)))) AS "r1") AS "first" FROM "public"."author"
AS "t1" ORDER BY "t1"."id") AS "r3"
