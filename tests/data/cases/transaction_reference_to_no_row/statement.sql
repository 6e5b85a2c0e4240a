WITH "written" AS (UPDATE "public"."article" AS "t1" SET "title" = $1::text WHERE ("t1"."id" = $2::integer)
RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id") AS "r1") AS "kept") SELECT
json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (DELETE FROM "public"."comment" AS "t1" WHERE ("t1"."article_id" = $1::integer) RETURNING 1)
SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
