SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title", "t1"."author_id", "t1"."rating",
"t1"."created" FROM "public"."article" AS "t1" WHERE ("t1"."published" = true) LIMIT 100) AS "r1"
