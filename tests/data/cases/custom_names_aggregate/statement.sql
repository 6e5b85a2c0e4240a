SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."ref_no" AS "reference", max("t1"."weight") AS
"top", count(DISTINCT ROW("t1"."weight", "t1"."parcel_id")) AS "n" FROM "app"."tbl_parcel" AS "t1" WHERE
("t1"."sender_id" = $1::integer) GROUP BY "t1"."ref_no" ORDER BY max("t1"."weight") DESC, "t1"."ref_no") AS
"r1"
