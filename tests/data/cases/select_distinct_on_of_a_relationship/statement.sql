SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."name", (SELECT coalesce(json_agg("r1".*), '[]')
FROM (SELECT DISTINCT ON ("t2"."published") "t2"."published", "t2"."title" FROM "public"."article" AS "t2"
WHERE ("t2"."author_id" = "t1"."id") ORDER BY "t2"."published", "t2"."id" DESC) AS "r1") AS "articles" FROM
"public"."author" AS "t1" ORDER BY "t1"."id") AS "r2"
