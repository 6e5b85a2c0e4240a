WITH "written" AS (INSERT INTO "public"."open_errand" AS "t1" ("title", "priority") VALUES ($1::text,
$2::text) RETURNING CASE WHEN ("t1"."title" IS DISTINCT FROM $3::text) THEN true ELSE howdah.check_violation()
END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
