SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."articles" FROM "public"."author_statistics" AS "t2" WHERE ("t2"."author_id" = "t1"."id") LIMIT 1) AS
"r1") AS "statistics" FROM "public"."author" AS "t1") AS "r2"
