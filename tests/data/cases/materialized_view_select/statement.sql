SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t1"."author_id", "t1"."score", (SELECT
row_to_json("r1".*) FROM (SELECT "t2"."name" FROM "public"."author" AS "t2" WHERE ("t2"."id" =
"t1"."author_id")) AS "r1") AS "author", (SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t3"."id" FROM
"public"."reading" AS "t3" WHERE (("t3"."author_id" = "t1"."author_id") AND ("t3"."author_id" = $1::integer))
ORDER BY "t3"."id") AS "r2") AS "readings" FROM "public"."author_score" AS "t1" WHERE (("t1"."articles" >
$2::bigint) AND CASE WHEN ("t1"."articles" > $3::bigint) THEN EXISTS (SELECT 1 FROM "public"."author" AS "t4"
WHERE (("t4"."id" = "t1"."author_id") AND ("t4"."name" LIKE $4::text))) ELSE false END) ORDER BY "t1"."score"
DESC) AS "r3"
