SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."place" AS "t1" WHERE (("t1"."id"
< $1::integer) AND CASE WHEN ("t1"."id" < $2::integer) THEN ("t1"."path" OPERATOR(app.@) $3::app.ltxtquery)
ELSE false END) ORDER BY "t1"."id") AS "r1"
