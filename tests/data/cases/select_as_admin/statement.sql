SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."secret" FROM "public"."author" AS "t1")
AS "r1"
