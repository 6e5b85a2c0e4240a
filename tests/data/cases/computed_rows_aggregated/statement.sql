SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."name", (SELECT row_to_json("r1".*) FROM (SELECT
count(*) AS "n" FROM "public"."author_works"($1::integer, "t1".*) AS "t2" WHERE (("t2"."published" = true) OR
("t2"."author_id" = $2::integer))) AS "r1") AS "works" FROM "public"."author" AS "t1" ORDER BY "t1"."id") AS
"r2"
