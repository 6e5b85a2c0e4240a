SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", "t1"."value", (SELECT row_to_json("r1".*) FROM
(SELECT "t2"."name" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) AS "r1") AS "author"
FROM "public"."reading" AS "t1" WHERE ("t1"."author_id" = $1::integer) ORDER BY "t1"."day") AS "r2"
