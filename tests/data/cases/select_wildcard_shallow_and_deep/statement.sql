SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."author_id", "t1"."bio", "t1"."settings", (SELECT
row_to_json("r1".*) FROM (SELECT "t2"."id", "t2"."name", "t2"."email", "t2"."active", "t2"."born" FROM
"public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) AS "r1") AS "author" FROM "public"."profile"
AS "t1" WHERE EXISTS (SELECT 1 FROM "public"."author" AS "t3" WHERE (("t3"."id" = "t1"."author_id") AND
("t3"."active" = true)))) AS "r2"
