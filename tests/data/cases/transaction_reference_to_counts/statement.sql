SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."author" AS "t1") AS "r1"

WITH "written" AS (UPDATE "public"."counter" AS "t1" SET "value" = ("t1"."value" + $1::bigint) RETURNING 1)
SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"

WITH "written" AS (UPDATE "public"."article" AS "t1" SET "rating" = $1::smallint WHERE ("t1"."id" =
$2::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."rating") AS "r1") AS "row") SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS
"returning" FROM "written") AS "r2"
