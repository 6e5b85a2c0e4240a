SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."name" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) AS "r1") AS
"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" FROM "public"."article" AS "t1" WHERE
(("t1"."published" = true) OR ("t1"."author_id" = $1::integer))) AS "r2"
