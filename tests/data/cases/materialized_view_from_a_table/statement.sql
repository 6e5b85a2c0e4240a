SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."score" FROM "public"."author_score" AS "t2" WHERE (("t2"."author_id" = "t1"."author_id") AND
("t2"."articles" > $1::bigint))) AS "r1") AS "score" FROM "public"."reading" AS "t1" WHERE ("t1"."author_id" =
$2::integer) ORDER BY (SELECT "t3"."score" FROM "public"."author_score" AS "t3" WHERE (("t3"."author_id" =
"t1"."author_id") AND ("t3"."articles" > $3::bigint)))) AS "r2"
