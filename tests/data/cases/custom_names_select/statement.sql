SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."parcel_id" AS "id", "t1"."ref_no" AS "reference",
"t1"."weight" AS "cost" FROM "app"."tbl_parcel" AS "t1" WHERE (("t1"."sender_id" = $1::integer) AND
("t1"."weight" > $2::integer) AND CASE WHEN ("t1"."sender_id" = $3::integer) THEN ("t1"."ref_no" LIKE
$4::text) ELSE false END) ORDER BY "t1"."weight" DESC, "t1"."parcel_id" LIMIT 2) AS "r1"
