SELECT row_to_json("r1".*) FROM (SELECT min("t1"."title") AS "first", max("t1"."created") AS "last" FROM
"public"."article" AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" = $1::integer))) AS "r1"
