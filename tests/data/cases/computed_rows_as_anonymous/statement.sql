SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT (SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT
"t2"."title" FROM "public"."author_works"($1::integer, "t1".*) AS "t2" WHERE ("t2"."published" = true) LIMIT
100) AS "r1") AS "works" FROM "public"."author" AS "t1" WHERE ("t1"."active" = true) ORDER BY "t1"."id") AS
"r2"
