WITH "written" AS (UPDATE "app"."tbl_parcel" AS "t1" SET "ref_no" = $1::text, "weight" = ("t1"."weight" +
$2::integer), "cost" = $3::integer WHERE (("t1"."sender_id" = $4::integer) AND ("t1"."sender_id" =
$5::integer) AND ("t1"."parcel_id" = $6::integer)) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT
"t1"."parcel_id" AS "id", "t1"."ref_no" AS "reference", "t1"."weight" AS "cost") AS "r1") AS "row",
("t1"."sender_id" = $7::integer) AS "visible") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS
"affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"), '[]') AS "returning"
FROM "written") AS "r2"
