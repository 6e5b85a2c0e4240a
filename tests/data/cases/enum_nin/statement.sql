SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."priority" FROM "public"."errand" AS "t1"
WHERE ("t1"."priority" <> ALL ($1::text[]))) AS "r1"
