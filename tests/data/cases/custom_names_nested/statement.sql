SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."parcel_id" AS "id", (SELECT
coalesce(json_agg("r1".*), '[]') FROM (SELECT "t2"."item_id" AS "id", "t2"."label" FROM "app"."tbl_item" AS
"t2" WHERE (("t2"."parcel_id" = "t1"."parcel_id") AND EXISTS (SELECT 1 FROM "app"."tbl_parcel" AS "t3" WHERE
(("t3"."parcel_id" = "t2"."parcel_id") AND ("t3"."sender_id" = $1::integer))) AND ("t2"."item_id" >
$2::integer)) ORDER BY "t2"."item_id" DESC) AS "r1") AS "items" FROM "app"."tbl_parcel" AS "t1" WHERE
(("t1"."sender_id" = $3::integer) AND EXISTS (SELECT 1 FROM "app"."tbl_item" AS "t4" WHERE (("t4"."parcel_id"
= "t1"."parcel_id") AND EXISTS (SELECT 1 FROM "app"."tbl_parcel" AS "t5" WHERE (("t5"."parcel_id" =
"t4"."parcel_id") AND ("t5"."sender_id" = $4::integer))) AND ("t4"."label" = $5::text))))) AS "r2"
