SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND ("t1"."rating" >= $2::smallint) AND
EXISTS (SELECT 1 FROM "public"."author" AS "t2" WHERE (("t2"."id" = "t1"."author_id") AND ("t2"."name" =
$3::text))))) AS "r1"
