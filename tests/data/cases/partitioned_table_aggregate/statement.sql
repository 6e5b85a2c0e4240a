SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."author_id", sum("t1"."value") AS "sum" FROM
"public"."reading" AS "t1" WHERE ("t1"."author_id" = $1::integer) GROUP BY "t1"."author_id") AS "r1"
