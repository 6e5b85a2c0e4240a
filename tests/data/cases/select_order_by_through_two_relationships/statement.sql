SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."comment" AS "t1" WHERE
(("t1"."hidden" = false) OR ("t1"."user_id" = $1::integer)) ORDER BY (SELECT (SELECT "t3"."name" FROM
"public"."author" AS "t3" WHERE ("t3"."id" = "t2"."author_id")) FROM "public"."article" AS "t2" WHERE
(("t2"."id" = "t1"."article_id") AND (("t2"."published" = true) OR ("t2"."author_id" = $2::integer)))) DESC)
AS "r1"
