SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t1"."parcel_id" AS "id", "t1"."ref_no" AS "reference",
"t1"."sender_id" AS "sender", "t1"."weight" AS "cost", "t1"."cost" AS "weight", "t1"."memo" AS "note", (SELECT
row_to_json("r1".*) FROM (SELECT "t2"."id", "t2"."name", "t2"."email", "t2"."active", "t2"."born",
"t2"."secret" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."sender_id")) AS "r1") AS "author",
(SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t3"."item_id" AS "id", "t3"."parcel_id" AS
"parcel_number", "t3"."label" FROM "app"."tbl_item" AS "t3" WHERE ("t3"."parcel_id" = "t1"."parcel_id")) AS
"r2") AS "items" FROM "app"."tbl_parcel" AS "t1") AS "r3"
