SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."author" AS "t1" ORDER BY (SELECT
"t2"."best" FROM "public"."author_statistics" AS "t2" WHERE ("t2"."author_id" = "t1"."id") LIMIT 1) DESC,
"t1"."id") AS "r1"
