SELECT coalesce(json_agg("r4".*), '[]') FROM (SELECT "t1"."id", "t1"."title", "t1"."author_id", "t1"."rating",
"t1"."created", (SELECT row_to_json("r1".*) FROM (SELECT "t2"."id", "t2"."name" FROM "public"."author" AS "t2"
WHERE (("t2"."id" = "t1"."author_id") AND ("t2"."active" = true))) AS "r1") AS "author", (SELECT
row_to_json("r2".*) FROM (SELECT "t3"."id", "t3"."name" FROM "public"."author" AS "t3" WHERE (("t3"."id" =
"t1"."editor_id") AND ("t3"."active" = true))) AS "r2") AS "editor", (SELECT coalesce(json_agg("r3".*), '[]')
FROM (SELECT "t4"."id", "t4"."article_id", "t4"."text", "t4"."created" FROM "public"."comment" AS "t4" WHERE
(("t4"."article_id" = "t1"."id") AND ("t4"."hidden" = false)) LIMIT 2) AS "r3") AS "comments" FROM
"public"."article" AS "t1" WHERE ("t1"."published" = true) LIMIT 100) AS "r4"
