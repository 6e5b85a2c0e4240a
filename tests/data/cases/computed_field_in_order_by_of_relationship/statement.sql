SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
(("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) ORDER BY (SELECT
"public"."author_label"("t2".*) FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) DESC,
"t1"."id") AS "r1"
