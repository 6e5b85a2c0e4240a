WITH "written" AS (UPDATE "public"."article" AS "t1" SET "title" = $1::text WHERE ("t1"."id" = $2::integer)
RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id", "t1"."title") AS "r1") AS "kept") SELECT
json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (DELETE FROM "public"."article" AS "t1" WHERE (("t1"."id" = $1::integer) AND ("t1"."title" =
$2::text)) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."title") AS "r1") AS "kept") SELECT
json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."audit" AS "t1" ("id", "entry") VALUES ($1::integer, $2::text)
RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."entry") AS "r1") AS "row") SELECT row_to_json("r2".*)
FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM
"written") AS "r2"
