SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n", count("t1"."rating") AS "rated", sum("t1"."price") AS
"sum", avg("t1"."rating") AS "mean", min("t1"."price") AS "least", max("t1"."rating") AS "most" FROM
"public"."article" AS "t1" WHERE ((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND
("t1"."id" = $2::integer))) AS "r1"
