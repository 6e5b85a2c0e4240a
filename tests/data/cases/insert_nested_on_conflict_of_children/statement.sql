WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("id", "title", "author_id") VALUES ($1::integer,
$2::text, $3::integer) ON CONFLICT ("id") DO UPDATE SET "id" = "excluded"."id", "title" = "excluded"."title",
"author_id" = "excluded"."author_id" RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS
"id") AS "r1") AS "kept") SELECT json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM
"written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "stars", "article_id") VALUES
($1::integer, $2::integer, $3::integer), ($4::integer, $5::integer, $6::integer) ON CONFLICT ("user_id",
"article_id") DO UPDATE SET "user_id" = "excluded"."user_id", "stars" = "excluded"."stars", "article_id" =
"excluded"."article_id" RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM
"written") AS "r1"

SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."title", (SELECT coalesce(json_agg("r1".*), '[]')
FROM (SELECT "t2"."user_id", "t2"."stars" FROM "public"."rating" AS "t2" WHERE ("t2"."article_id" = "t1"."id")
ORDER BY "t2"."user_id") AS "r1") AS "ratings" FROM "public"."article" AS "t1", unnest($1::integer[]) WITH
ORDINALITY AS "keys" ("k1", "place") WHERE ("t1"."id" = "keys"."k1") ORDER BY "keys"."place") AS "r2"
