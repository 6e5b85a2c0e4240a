SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."priority", count(*) AS "n" FROM "public"."errand"
AS "t1" GROUP BY "t1"."priority" ORDER BY "t1"."priority") AS "r1"
