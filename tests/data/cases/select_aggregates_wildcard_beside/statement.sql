SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", "t1"."title", "t1"."author_id", "t1"."rating",
"t1"."created", (SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n" FROM "public"."comment" AS "t2" WHERE
(("t2"."article_id" = "t1"."id") AND ("t2"."hidden" = false))) AS "r1") AS "comments" FROM "public"."article"
AS "t1" WHERE ("t1"."published" = true) ORDER BY "t1"."id" LIMIT 100) AS "r2"
