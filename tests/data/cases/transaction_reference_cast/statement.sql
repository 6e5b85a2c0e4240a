SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."name" FROM "public"."author" AS "t1" WHERE
("t1"."id" = $1::integer)) AS "r1"

SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."author" AS "t1" WHERE
("t1"."name"::text = $1::text)) AS "r1"
