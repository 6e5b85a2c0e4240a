SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."author_id", count(*) AS "n" FROM "public"."article"
AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) GROUP BY "t1"."author_id" ORDER
BY "t1"."author_id") AS "r1"
