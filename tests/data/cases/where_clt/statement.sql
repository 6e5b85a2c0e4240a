SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "app"."note" AS "t1" WHERE (EXISTS (SELECT
1 FROM "public"."author" AS "t2" WHERE (("t2"."id" = $1::integer) AND ("t2"."active" = true))) AND
("t1"."title" < "t1"."subtitle")) ORDER BY "t1"."id") AS "r1"
