SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."place" AS "t1" WHERE
("t1"."path" OPERATOR(app.@) $1::app.ltxtquery) ORDER BY "t1"."id") AS "r1"
