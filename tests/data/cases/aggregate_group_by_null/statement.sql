SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."editor_id", count(*) AS "n" FROM "public"."article"
AS "t1" GROUP BY "t1"."editor_id" ORDER BY "t1"."editor_id" NULLS FIRST) AS "r1"
