WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name", "email") VALUES ($1::text, $2::character
varying) ON CONFLICT ("name") DO UPDATE SET "name" = "excluded"."name", "email" = "excluded"."email" RETURNING
1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
