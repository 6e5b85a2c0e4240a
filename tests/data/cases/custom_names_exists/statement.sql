SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."author" AS "t1" WHERE EXISTS
(SELECT 1 FROM "app"."tbl_parcel" AS "t2" WHERE ("t2"."weight" = $1::integer))) AS "r1"
