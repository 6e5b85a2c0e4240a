SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND CASE WHEN (("t1"."published" = true) OR
("t1"."author_id" = $2::integer)) THEN EXISTS (SELECT 1 FROM "public"."author" AS "t2" WHERE (("t2"."id" =
"t1"."author_id") AND ("public"."author_label"("t2".*) LIKE $3::text))) ELSE false END) ORDER BY "t1"."id") AS
"r1"
