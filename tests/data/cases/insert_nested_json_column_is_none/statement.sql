WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id", "data") VALUES ($1::text,
$2::integer, $3::jsonb) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."data") AS "r1") AS "row")
SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]')
AS "returning" FROM "written") AS "r2"
