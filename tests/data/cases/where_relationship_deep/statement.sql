SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND EXISTS (SELECT 1 FROM "public"."comment"
AS "t2" WHERE (("t2"."article_id" = "t1"."id") AND (("t2"."hidden" = false) OR ("t2"."user_id" = $2::integer))
AND EXISTS (SELECT 1 FROM "public"."article" AS "t3" WHERE (("t3"."id" = "t2"."article_id") AND
(("t3"."published" = true) OR ("t3"."author_id" = $3::integer)) AND EXISTS (SELECT 1 FROM "public"."author" AS
"t4" WHERE (("t4"."id" = "t3"."author_id") AND ("t4"."name" = $4::text)))))))) ORDER BY "t1"."id") AS "r1"
