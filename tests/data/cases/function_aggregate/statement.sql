SELECT row_to_json("r1".*) FROM (SELECT max("t1"."rating") AS "best", count(*) AS "all" FROM
"public"."search_article"($1::text) AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" =
$2::integer))) AS "r1"
