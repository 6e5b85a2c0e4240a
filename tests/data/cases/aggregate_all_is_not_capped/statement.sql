SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n" FROM "public"."comment" AS "t1" WHERE ("t1"."hidden" =
false)) AS "r1"
