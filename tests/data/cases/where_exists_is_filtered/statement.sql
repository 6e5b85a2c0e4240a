SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
(("t1"."published" = true) AND EXISTS (SELECT 1 FROM "public"."comment" AS "t2" WHERE (("t2"."hidden" = false)
AND ("t2"."text" = $1::text)))) ORDER BY "t1"."id" LIMIT 100) AS "r1"
