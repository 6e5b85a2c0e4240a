SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", count(*) AS "n" FROM "public"."article" AS
"t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) GROUP BY "t1"."id" ORDER BY
"t1"."id" DESC LIMIT 2 OFFSET $2::bigint) AS "r1"
