SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."sender_id" AS "sender", "t1"."weight" AS "cost",
"t1"."cost" AS "weight" FROM "app"."tbl_parcel" AS "t1" WHERE ("t1"."weight" < "t1"."cost")) AS "r1"
