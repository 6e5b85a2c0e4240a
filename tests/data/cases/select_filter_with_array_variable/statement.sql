SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title" FROM "public"."article" AS "t1"
WHERE ("t1"."id" = ANY ($1::integer[]))) AS "r1"
