SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND EXISTS (SELECT 1 FROM "app"."note" AS
"t2" WHERE EXISTS (SELECT 1 FROM "public"."author" AS "t3" WHERE (("t3"."id" = $2::integer) AND ("t3"."active"
= true))))) ORDER BY "t1"."id") AS "r1"
