SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."search_article"($1::text) AS "t1"
WHERE ((("t1"."published" = true) OR ("t1"."author_id" = $2::integer)) AND ("t1"."rating" > $3::smallint))) AS
"r1"
