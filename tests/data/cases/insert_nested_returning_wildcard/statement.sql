WITH "written" AS (INSERT INTO "public"."comment" AS "t1" ("article_id", "user_id", "text", "created") VALUES
($1::integer, $2::integer, $3::text, $4::timestamp with time zone) RETURNING (SELECT row_to_json("r1".*) FROM
(SELECT "t1"."id"::text AS "id") AS "r1") AS "kept") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

SELECT coalesce(json_agg("r6".*), '[]') FROM (SELECT "t1"."text", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."id", "t2"."title", "t2"."body", "t2"."author_id", "t2"."editor_id", "t2"."published", "t2"."rating",
"t2"."price", "t2"."created", "t2"."tags", "t2"."data", "t2"."raw", "t2"."mood", "t2"."size", (SELECT
row_to_json("r2".*) FROM (SELECT "t3"."id", "t3"."name", "t3"."email", "t3"."active", "t3"."born",
"t3"."secret" FROM "public"."author" AS "t3" WHERE ("t3"."id" = "t2"."author_id")) AS "r2") AS "author",
(SELECT row_to_json("r3".*) FROM (SELECT "t4"."id", "t4"."name", "t4"."email", "t4"."active", "t4"."born",
"t4"."secret" FROM "public"."author" AS "t4" WHERE ("t4"."id" = "t2"."editor_id")) AS "r3") AS "editor",
(SELECT coalesce(json_agg("r4".*), '[]') FROM (SELECT "t5"."id", "t5"."article_id", "t5"."user_id",
"t5"."text", "t5"."hidden", "t5"."created" FROM "public"."comment" AS "t5" WHERE ("t5"."article_id" =
"t2"."id")) AS "r4") AS "comments", (SELECT coalesce(json_agg("r5".*), '[]') FROM (SELECT "t6"."user_id",
"t6"."article_id", "t6"."stars", "t6"."note" FROM "public"."rating" AS "t6" WHERE ("t6"."article_id" =
"t2"."id")) AS "r5") AS "ratings" FROM "public"."article" AS "t2" WHERE ("t2"."id" = "t1"."article_id")) AS
"r1") AS "article" FROM "public"."comment" AS "t1", unnest($1::bigint[]) WITH ORDINALITY AS "keys" ("k1",
"place") WHERE ("t1"."id" = "keys"."k1") ORDER BY "keys"."place") AS "r6"
