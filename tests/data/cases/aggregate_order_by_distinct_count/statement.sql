SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."published", count(DISTINCT ROW("t1"."author_id"))
AS "n" FROM "public"."article" AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" = $1::integer))
GROUP BY "t1"."published" ORDER BY count(DISTINCT ROW("t1"."author_id")) DESC, "t1"."published") AS "r1"
