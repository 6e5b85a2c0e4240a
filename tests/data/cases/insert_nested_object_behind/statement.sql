WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name") VALUES ($1::text) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."profile" AS "t1" ("bio", "author_id") VALUES ($1::text, $2::integer)
RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"

SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."name", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."author_id", "t2"."bio" FROM "public"."profile" AS "t2" WHERE ("t2"."author_id" = "t1"."id")) AS "r1") AS
"profile" FROM "public"."author" AS "t1", unnest($1::integer[]) WITH ORDINALITY AS "keys" ("k1", "place")
WHERE ("t1"."id" = "keys"."k1") ORDER BY "keys"."place") AS "r2"
