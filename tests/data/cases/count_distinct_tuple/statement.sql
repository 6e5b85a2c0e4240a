SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM (SELECT DISTINCT "t1"."author_id",
"t1"."published" FROM "public"."article" AS "t1" WHERE ((("t1"."published" = true) OR ("t1"."author_id" =
$1::integer)) AND ("t1"."id" > $2::integer))) AS "r2") AS "r1"
