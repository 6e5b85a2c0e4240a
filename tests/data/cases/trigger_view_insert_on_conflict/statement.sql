WITH "written" AS (INSERT INTO "public"."badge" AS "t1" ("id", "name") VALUES ($1::integer, $2::text) ON
CONFLICT DO NOTHING RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM
"written") AS "r1"
