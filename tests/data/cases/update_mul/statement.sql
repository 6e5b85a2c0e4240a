WITH "written" AS (UPDATE "public"."counter" AS "t1" SET "value" = ("t1"."value" * $1::numeric), "ratio" =
("t1"."ratio" * $2::double precision) WHERE ("t1"."value" > $3::bigint) RETURNING 1) SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
