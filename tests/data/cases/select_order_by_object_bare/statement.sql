SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
("t1"."published" = true) ORDER BY "t1"."title" LIMIT 100) AS "r1"
