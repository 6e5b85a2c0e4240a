WITH "written" AS (UPDATE "public"."author" AS "t1" SET "email" = $1::character varying, "active" =
$2::boolean WHERE (("t1"."id" = $3::integer) AND CASE WHEN ("t1"."id" = $4::integer) THEN
("public"."author_label"("t1".*) = $5::text) ELSE false END) RETURNING (SELECT row_to_json("r1".*) FROM
(SELECT "t1"."id", "public"."author_label"("t1".*) AS "label") AS "r1") AS "row", CASE WHEN ("t1"."active" =
true) THEN true ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r2".*) FROM (SELECT
count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
