WITH "written" AS (UPDATE "public"."article" AS "t1" SET "title" = $1::text, "editor_id" = $2::integer WHERE
(("t1"."author_id" = $3::integer) AND (("t1"."published" = true) OR ("t1"."author_id" = $4::integer)) AND CASE
WHEN (("t1"."author_id" = $5::integer) AND (("t1"."published" = true) OR ("t1"."author_id" = $6::integer)))
THEN EXISTS (SELECT 1 FROM "public"."comment" AS "t2" WHERE (("t2"."article_id" = "t1"."id") AND
(("t2"."hidden" = false) OR ("t2"."user_id" = $7::integer)) AND CASE WHEN (("t2"."hidden" = false) OR
("t2"."user_id" = $8::integer)) THEN ("t2"."text" LIKE $9::text) ELSE false END)) ELSE false END) RETURNING 1)
SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
