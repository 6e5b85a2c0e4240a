WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name") VALUES ($1::text) RETURNING 1) SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
