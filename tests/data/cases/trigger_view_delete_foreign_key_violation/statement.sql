WITH "written" AS (DELETE FROM "public"."badge" AS "t1" WHERE ("t1"."id" = $1::integer) RETURNING 1) SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
