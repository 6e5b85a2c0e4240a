SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title", "t1"."priority", "t1"."loud"
FROM "public"."open_errand" AS "t1" WHERE ("t1"."loud" LIKE $1::text)) AS "r1"
