SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."value" FROM "app"."priority" AS "t1" WHERE
("t1"."value" LIKE $1::text)) AS "r1"
