SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."name" FROM "public"."author" AS "t2" WHERE (("t2"."id" = "t1"."author_id") AND ("t2"."active" = true)))
AS "r1") AS "author" FROM "public"."article" AS "t1" WHERE ("t1"."published" = true) LIMIT 100) AS "r2"
