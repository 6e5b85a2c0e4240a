SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."author" AS "t1" WHERE
(("t1"."active" = true) AND CASE WHEN ("t1"."active" = true) THEN ("public"."author_inverse"("t1".*) <
$1::numeric) ELSE false END) ORDER BY "t1"."id") AS "r1"
