WITH "written" AS (INSERT INTO "app"."tbl_parcel" AS "t1" ("ref_no", "sender_id") VALUES ($1::text,
$2::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written")
AS "r1"
