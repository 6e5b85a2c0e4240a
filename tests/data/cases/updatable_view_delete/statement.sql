WITH "written" AS (DELETE FROM "public"."open_errand" AS "t1" WHERE ("t1"."priority" = $1::text) RETURNING
(SELECT row_to_json("r1".*) FROM (SELECT "t1"."id") AS "r1") AS "row") SELECT row_to_json("r2".*) FROM (SELECT
count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
