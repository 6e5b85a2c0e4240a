WITH "written" AS (DELETE FROM "app"."tbl_parcel" AS "t1" WHERE (("t1"."sender_id" = $1::integer) AND
("t1"."sender_id" = $2::integer) AND ("t1"."parcel_id" = $3::integer)) RETURNING (SELECT row_to_json("r1".*)
FROM (SELECT "t1"."parcel_id" AS "id", "t1"."ref_no" AS "reference", "t1"."weight" AS "cost", "t1"."memo" AS
"note") AS "r1") AS "row", ("t1"."sender_id" = $4::integer) AS "visible") SELECT row_to_json("r2".*) FROM
(SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"),
'[]') AS "returning" FROM "written") AS "r2"
