WITH "written" AS (UPDATE "public"."counter" AS "t1" SET "value" = DEFAULT, "ratio" = DEFAULT WHERE
("t1"."value" = $1::bigint) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."value") AS "r1") AS
"row") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows",
coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
