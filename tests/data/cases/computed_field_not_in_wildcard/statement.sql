SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."name", "t1"."email", "t1"."active",
"t1"."born" FROM "public"."author" AS "t1" ORDER BY "t1"."id" LIMIT 1) AS "r1"
