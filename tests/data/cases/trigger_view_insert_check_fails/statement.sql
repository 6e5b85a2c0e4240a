WITH "written" AS (INSERT INTO "public"."badge" AS "t1" ("name") VALUES ($1::text) RETURNING CASE WHEN
("t1"."name" IS DISTINCT FROM $2::text) THEN true ELSE howdah.check_violation() END AS "checked") SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
