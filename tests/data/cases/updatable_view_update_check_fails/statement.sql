WITH "written" AS (UPDATE "public"."open_errand" AS "t1" SET "title" = $1::text WHERE (("t1"."priority" =
$2::text) AND ("t1"."id" = $3::integer)) RETURNING CASE WHEN ("t1"."title" IS DISTINCT FROM $4::text) THEN
true ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
