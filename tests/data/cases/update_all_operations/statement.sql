WITH "written" AS (UPDATE "public"."counter" AS "t1" SET "id" = $1::uuid, "value" = ("t1"."value" +
$2::bigint), "ratio" = ("t1"."ratio" * $3::double precision) RETURNING (SELECT row_to_json("r1".*) FROM
(SELECT "t1"."id", "t1"."value", "t1"."ratio") AS "r1") AS "row") SELECT row_to_json("r2".*) FROM (SELECT
count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
