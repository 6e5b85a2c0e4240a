SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."place" AS "t1" WHERE
("t1"."label" ~ $1::text) ORDER BY "t1"."id") AS "r1"
