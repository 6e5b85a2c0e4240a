SELECT coalesce(json_agg("r5".*), '[]') FROM (SELECT "t1"."id", "t1"."article_id", "t1"."text",
"t1"."created", (SELECT row_to_json("r1".*) FROM (SELECT "t2"."id", "t2"."title", "t2"."author_id",
"t2"."rating", "t2"."created", (SELECT row_to_json("r2".*) FROM (SELECT "t3"."id", "t3"."name" FROM
"public"."author" AS "t3" WHERE (("t3"."id" = "t2"."author_id") AND ("t3"."active" = true))) AS "r2") AS
"author", (SELECT row_to_json("r3".*) FROM (SELECT "t4"."id", "t4"."name" FROM "public"."author" AS "t4" WHERE
(("t4"."id" = "t2"."editor_id") AND ("t4"."active" = true))) AS "r3") AS "editor", (SELECT
coalesce(json_agg("r4".*), '[]') FROM (SELECT "t5"."id", "t5"."article_id", "t5"."text", "t5"."created" FROM
"public"."comment" AS "t5" WHERE (("t5"."article_id" = "t2"."id") AND ("t5"."hidden" = false)) LIMIT 2) AS
"r4") AS "comments" FROM "public"."article" AS "t2" WHERE (("t2"."id" = "t1"."article_id") AND
("t2"."published" = true))) AS "r1") AS "article" FROM "public"."comment" AS "t1" WHERE ("t1"."hidden" =
false) LIMIT 2) AS "r5"
