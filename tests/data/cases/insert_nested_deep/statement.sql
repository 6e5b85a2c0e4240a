WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name") VALUES ($1::text) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name") VALUES ($1::text) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id") VALUES ($1::text,
$2::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept")
SELECT json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id", "editor_id") VALUES
($1::text, $2::integer, $3::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS
"id") AS "r1") AS "kept") SELECT json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM
"written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id") VALUES ($1::text,
$2::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written")
AS "r1"

WITH "written" AS (INSERT INTO "public"."comment" AS "t1" ("user_id", "text", "article_id") VALUES
($1::integer, $2::text, $3::integer), ($4::integer, $5::text, $6::integer), ($7::integer, $8::text,
$9::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written")
AS "r1"

SELECT coalesce(json_agg("r4".*), '[]') FROM (SELECT "t1"."name", (SELECT coalesce(json_agg("r3".*), '[]')
FROM (SELECT "t2"."title", (SELECT row_to_json("r1".*) FROM (SELECT "t3"."name" FROM "public"."author" AS "t3"
WHERE ("t3"."id" = "t2"."editor_id")) AS "r1") AS "editor", (SELECT coalesce(json_agg("r2".*), '[]') FROM
(SELECT "t4"."text" FROM "public"."comment" AS "t4" WHERE ("t4"."article_id" = "t2"."id") ORDER BY "t4"."id")
AS "r2") AS "comments" FROM "public"."article" AS "t2" WHERE ("t2"."author_id" = "t1"."id") ORDER BY
"t2"."id") AS "r3") AS "articles" FROM "public"."author" AS "t1", unnest($1::integer[]) WITH ORDINALITY AS
"keys" ("k1", "place") WHERE ("t1"."id" = "keys"."k1") ORDER BY "keys"."place") AS "r4"
