SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."counter" AS "t1" WHERE
("t1"."id" = $1::uuid) ORDER BY "t1"."id") AS "r1"
