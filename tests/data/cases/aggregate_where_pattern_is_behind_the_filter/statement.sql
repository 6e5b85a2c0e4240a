SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND CASE WHEN (("t1"."published" = true) OR
("t1"."author_id" = $2::integer)) THEN ("t1"."title" ~ $3::text) ELSE false END)) AS "r1"
