SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n"" FROM author; --" FROM "public"."article" AS "t1"
WHERE (("t1"."published" = true) OR ("t1"."author_id" = $1::integer))) AS "r1"
