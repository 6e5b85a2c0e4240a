SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND CASE WHEN (("t1"."published" = true) OR
("t1"."author_id" = $2::integer)) THEN EXISTS (SELECT 1 FROM "public"."comment" AS "t2" WHERE
(("t2"."article_id" = "t1"."id") AND (("t2"."hidden" = false) OR ("t2"."user_id" = $3::integer)) AND CASE WHEN
(("t2"."hidden" = false) OR ("t2"."user_id" = $4::integer)) THEN ("t2"."text" LIKE $5::text) ELSE false END))
ELSE false END) ORDER BY "t1"."id") AS "r1"
