SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."name", (SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "n" FROM "public"."article" AS "t3" WHERE
(("t3"."author_id" = "t2"."id") AND (("t3"."published" = true) OR ("t3"."author_id" = $1::integer)))) AS "r2")
AS "articles" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) AS "r1") AS "author" FROM
"public"."article" AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" = $2::integer)) ORDER BY
"t1"."id") AS "r3"
