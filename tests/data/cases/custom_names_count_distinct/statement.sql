SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM (SELECT DISTINCT "t1"."weight" FROM
"app"."tbl_parcel" AS "t1" WHERE (("t1"."sender_id" = $1::integer) AND ("t1"."weight" IS NOT NULL))) AS "r2")
AS "r1"
