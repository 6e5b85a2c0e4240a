SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
avg("t2"."stars") AS "mean" FROM "public"."rating" AS "t2" WHERE ("t2"."article_id" = "t1"."id")) AS "r1") AS
"ratings" FROM "public"."article" AS "t1" ORDER BY "t1"."id") AS "r2"
