SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."parcel_id" AS "id", "t1"."ref_no" AS "reference",
"t1"."weight" AS "cost", "t1"."memo" AS "note" FROM "app"."tbl_parcel" AS "t1" WHERE ("t1"."sender_id" =
$1::integer)) AS "r1"
