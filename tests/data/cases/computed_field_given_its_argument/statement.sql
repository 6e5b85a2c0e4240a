SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "public"."author_greeting"("t1".*, $1::text) AS
"greeting" FROM "public"."author" AS "t1" ORDER BY "t1"."id") AS "r1"
