SELECT coalesce(json_agg("r3".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."name" FROM "public"."author" AS "t2" WHERE ("t2"."id" = "t1"."author_id")) AS "r1") AS "writer", (SELECT
row_to_json("r2".*) FROM (SELECT "t3"."name" FROM "public"."author" AS "t3" WHERE ("t3"."id" =
"t1"."editor_id")) AS "r2") AS "reader" FROM "public"."article" AS "t1" WHERE (("t1"."published" = true) OR
("t1"."author_id" = $1::integer))) AS "r3"
