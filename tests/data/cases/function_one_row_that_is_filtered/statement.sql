SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title" FROM "public"."best_article"() AS
"t1" WHERE ((NOT ("t1".* IS NULL)) AND ("t1"."published" = true) AND ("t1"."rating" < $1::smallint)) LIMIT
100) AS "r1"
