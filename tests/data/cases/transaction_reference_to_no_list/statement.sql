SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."author" AS "t1") AS "r1"

SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."author" AS "t1" WHERE ("t1"."id" =
ANY ($1::integer[]))) AS "r1"
