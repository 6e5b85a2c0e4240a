WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id", "stars") VALUES
($1::integer, $2::integer, $3::integer) ON CONFLICT ("user_id", "article_id") DO UPDATE SET "stars" =
"excluded"."stars" WHERE ("t1"."note" = $4::text) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT
count(*) AS "affected_rows" FROM "written") AS "r1"
