SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT DISTINCT ON ("t1"."author_id", "t1"."published")
"t1"."author_id", "t1"."title" FROM "public"."article" AS "t1" WHERE (("t1"."published" = true) OR
("t1"."author_id" = $1::integer)) ORDER BY "t1"."published" DESC, "t1"."author_id", "t1"."id" LIMIT 2 OFFSET
$2::bigint) AS "r1"
