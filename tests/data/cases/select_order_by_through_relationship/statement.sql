SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
("t1"."published" = true) ORDER BY (SELECT "t2"."name" FROM "public"."author" AS "t2" WHERE (("t2"."id" =
"t1"."author_id") AND ("t2"."active" = true))), "t1"."id" DESC LIMIT 100) AS "r1"
