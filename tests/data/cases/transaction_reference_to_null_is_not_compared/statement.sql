SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."editor_id" FROM "public"."article" AS "t1" WHERE
("t1"."id" = $1::integer)) AS "r1"

WITH "written" AS (DELETE FROM "public"."comment" AS "t1" WHERE ("t1"."user_id" = $1::integer) RETURNING 1)
SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
