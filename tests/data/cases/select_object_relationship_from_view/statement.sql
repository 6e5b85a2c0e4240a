SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."articles", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."name" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) AS "r1") AS "author" FROM
"public"."author_statistics" AS "t1" ORDER BY "t1"."author_id") AS "r2"
