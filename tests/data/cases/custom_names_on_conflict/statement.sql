WITH "written" AS (INSERT INTO "app"."tbl_parcel" AS "t1" ("ref_no", "weight", "sender_id") VALUES ($1::text,
$2::integer, $3::integer) ON CONFLICT ("ref_no") DO UPDATE SET "ref_no" = "excluded"."ref_no", "weight" =
"excluded"."weight", "cost" = $4::integer WHERE ("t1"."sender_id" = $5::integer) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."ref_no" AS "reference", "t1"."weight" AS "cost") AS "r1") AS "row",
("t1"."sender_id" = $6::integer) AS "visible", CASE WHEN ("t1"."weight" <= $7::integer) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS
"affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"), '[]') AS "returning"
FROM "written") AS "r2"
