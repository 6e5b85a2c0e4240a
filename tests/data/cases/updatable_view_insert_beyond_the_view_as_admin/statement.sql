WITH "written" AS (INSERT INTO "public"."open_errand" AS "t1" ("title", "priority") VALUES ($1::text,
$2::text) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS
"r1"
