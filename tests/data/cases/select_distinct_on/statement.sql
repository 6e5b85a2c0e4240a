SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT DISTINCT ON ("t1"."author_id") "t1"."author_id",
"t1"."title" FROM "public"."article" AS "t1" ORDER BY "t1"."author_id", "t1"."id" DESC) AS "r1"
