SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."priority" FROM "public"."errand" AS "t1"
WHERE ("t1"."priority" IN ($1::text, $2::text))) AS "r1"
