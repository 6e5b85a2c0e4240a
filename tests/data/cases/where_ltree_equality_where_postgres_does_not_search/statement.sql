SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."place" AS "t1" WHERE (("t1"."id"
< $1::integer) AND ("t1"."path" OPERATOR(app.=) $2::app.ltree)) ORDER BY "t1"."id") AS "r1"
