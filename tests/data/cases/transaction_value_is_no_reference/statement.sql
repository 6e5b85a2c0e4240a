WITH "written" AS (UPDATE "public"."article" AS "t1" SET "data" = $1::jsonb WHERE ("t1"."id" = $2::integer)
RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."data") AS "r1") AS "row") SELECT row_to_json("r2".*)
FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM
"written") AS "r2"

WITH "written" AS (UPDATE "public"."article" AS "t1" SET "data" = $1::jsonb WHERE ("t1"."data" = $2::jsonb)
RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id", "t1"."data") AS "r1") AS "row") SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS
"returning" FROM "written") AS "r2"
