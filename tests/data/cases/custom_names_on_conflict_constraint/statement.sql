WITH "written" AS (INSERT INTO "app"."tbl_parcel" AS "t1" ("ref_no", "weight", "sender_id") VALUES ($1::text,
$2::integer, $3::integer) ON CONFLICT ("ref_no") DO UPDATE SET "ref_no" = "excluded"."ref_no", "weight" =
"excluded"."weight", "cost" = $4::integer WHERE ("t1"."sender_id" = $5::integer) RETURNING CASE WHEN
("t1"."weight" <= $6::integer) THEN true ELSE howdah.check_violation() END AS "checked") SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
