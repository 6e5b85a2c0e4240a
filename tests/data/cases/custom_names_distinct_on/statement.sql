SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT DISTINCT ON ("t1"."weight") "t1"."ref_no" AS "reference",
"t1"."weight" AS "cost" FROM "app"."tbl_parcel" AS "t1" WHERE ("t1"."sender_id" = $1::integer) ORDER BY
"t1"."weight", "t1"."parcel_id" DESC) AS "r1"
