SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."item_id" AS "id", (SELECT row_to_json("r1".*) FROM
(SELECT "t2"."ref_no" AS "reference" FROM "app"."tbl_parcel" AS "t2" WHERE (("t2"."parcel_id" =
"t1"."parcel_id") AND ("t2"."sender_id" = $1::integer))) AS "r1") AS "parcel" FROM "app"."tbl_item" AS "t1"
WHERE EXISTS (SELECT 1 FROM "app"."tbl_parcel" AS "t4" WHERE (("t4"."parcel_id" = "t1"."parcel_id") AND
("t4"."sender_id" = $2::integer))) ORDER BY (SELECT "t3"."weight" FROM "app"."tbl_parcel" AS "t3" WHERE
(("t3"."parcel_id" = "t1"."parcel_id") AND ("t3"."sender_id" = $3::integer)))) AS "r2"
