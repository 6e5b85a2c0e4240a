WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id") VALUES ($1::text,
$2::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept",
CASE WHEN (("t1"."rating" IS NULL) OR ("t1"."rating" <= $3::smallint)) THEN true ELSE howdah.check_violation()
END AS "checked") SELECT json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM "written"),
(SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

SELECT coalesce(json_agg("r5".*), '[]') FROM (SELECT "t1"."id", "t1"."title", "t1"."body", "t1"."author_id",
"t1"."editor_id", "t1"."published", "t1"."rating", "t1"."price", "t1"."created", "t1"."tags", "t1"."data",
"t1"."raw", "t1"."mood", "t1"."size", (SELECT row_to_json("r1".*) FROM (SELECT "t2"."id", "t2"."name",
"t2"."email", "t2"."active", "t2"."born" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id"))
AS "r1") AS "author", (SELECT row_to_json("r2".*) FROM (SELECT "t3"."id", "t3"."name", "t3"."email",
"t3"."active", "t3"."born" FROM "public"."author" AS "t3" WHERE ("t3"."id" = "t1"."editor_id")) AS "r2") AS
"editor", (SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t4"."id", "t4"."article_id", "t4"."user_id",
"t4"."text", "t4"."hidden", "t4"."created" FROM "public"."comment" AS "t4" WHERE (("t4"."article_id" =
"t1"."id") AND (("t4"."hidden" = false) OR ("t4"."user_id" = $1::integer)))) AS "r3") AS "comments", (SELECT
coalesce(json_agg("r4".*), '[]') FROM (SELECT "t5"."user_id", "t5"."article_id", "t5"."stars" FROM
"public"."rating" AS "t5" WHERE (("t5"."article_id" = "t1"."id") AND ("t5"."user_id" = $2::integer))) AS "r4")
AS "ratings" FROM "public"."article" AS "t1", unnest($3::integer[]) WITH ORDINALITY AS "keys" ("k1", "place")
WHERE (("t1"."id" = "keys"."k1") AND (("t1"."published" = true) OR ("t1"."author_id" = $4::integer))) ORDER BY
"keys"."place") AS "r5"
