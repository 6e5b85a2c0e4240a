SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT DISTINCT ON ("t1"."author_id") "t1"."author_id" FROM
"public"."article" AS "t1") AS "r1"
