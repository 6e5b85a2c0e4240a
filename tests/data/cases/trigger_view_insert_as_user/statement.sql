WITH "written" AS (INSERT INTO "public"."badge" AS "t1" ("name") VALUES ($1::text) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."name") AS "r1") AS "row", CASE WHEN ("t1"."name" IS DISTINCT FROM
$2::text) THEN true ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r2".*) FROM (SELECT
count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
