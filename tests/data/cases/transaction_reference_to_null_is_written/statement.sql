SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."editor_id" FROM "public"."article" AS "t1" WHERE
("t1"."id" = $1::integer)) AS "r1"

WITH "written" AS (UPDATE "public"."article" AS "t1" SET "editor_id" = $1::integer WHERE ("t1"."id" =
$2::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."editor_id") AS "r1") AS "row") SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS
"returning" FROM "written") AS "r2"
