SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."data" FROM "public"."article" AS "t1" WHERE
("t1"."id" = $1::integer)) AS "r1"

WITH "written" AS (UPDATE "public"."article" AS "t1" SET "data" = $1::jsonb, "rating" = $2::smallint WHERE
("t1"."id" = $3::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."data", "t1"."rating") AS
"r1") AS "row") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows",
coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
