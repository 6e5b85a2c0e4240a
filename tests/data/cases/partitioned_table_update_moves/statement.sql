WITH "written" AS (UPDATE "public"."reading" AS "t1" SET "day" = $1::date WHERE (("t1"."author_id" =
$2::integer) AND ("t1"."author_id" = $3::integer) AND ("t1"."id" = $4::integer)) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id", "t1"."day") AS "r1") AS "row", ("t1"."author_id" = $5::integer) AS
"visible", CASE WHEN ("t1"."value" >= $6::numeric) THEN true ELSE howdah.check_violation() END AS "checked")
SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row") FILTER
(WHERE "written"."visible"), '[]') AS "returning" FROM "written") AS "r2"
