WITH "written" AS (INSERT INTO "public"."open_errand" AS "t1" ("title", "priority") VALUES ($1::text,
$2::text) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."title", "t1"."loud") AS "r1") AS "row",
CASE WHEN ("t1"."title" IS DISTINCT FROM $3::text) THEN true ELSE howdah.check_violation() END AS "checked")
SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]')
AS "returning" FROM "written") AS "r2"
