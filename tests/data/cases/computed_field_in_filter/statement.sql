SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "public"."article_is_mine"("t1".*, $1::jsonb)
AS "is_mine" FROM "public"."article" AS "t1" WHERE ("public"."article_is_mine"("t1".*, $2::jsonb) = true)
ORDER BY "t1"."id") AS "r1"
