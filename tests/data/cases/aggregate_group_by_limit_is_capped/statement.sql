SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", count(*) AS "n" FROM "public"."comment" AS
"t1" WHERE ("t1"."hidden" = false) GROUP BY "t1"."id" ORDER BY "t1"."id" DESC LIMIT 2) AS "r1"
