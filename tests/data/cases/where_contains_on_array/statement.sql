SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND ("t1"."tags" @> $2::text[])) ORDER BY
"t1"."id") AS "r1"
