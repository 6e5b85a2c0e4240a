WITH "written" AS (INSERT INTO "app"."tbl_parcel" AS "t1" ("ref_no", "weight", "sender_id") VALUES ($1::text,
$2::integer, $3::integer) RETURNING CASE WHEN ("t1"."weight" <= $4::integer) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows"
FROM "written") AS "r1"
