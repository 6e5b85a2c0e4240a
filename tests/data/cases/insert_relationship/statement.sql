WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name") VALUES ($1::text) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id") VALUES ($1::text,
$2::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written")
AS "r1"
