SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."no_article"() AS "t1" WHERE ((NOT
("t1".* IS NULL)) AND (("t1"."published" = true) OR ("t1"."author_id" = $1::integer)))) AS "r1"
