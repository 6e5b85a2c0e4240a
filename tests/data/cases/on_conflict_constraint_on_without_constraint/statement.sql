WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id", "stars") VALUES
($1::integer, $2::integer, $3::integer) ON CONFLICT ("stars") DO UPDATE SET "user_id" = "excluded"."user_id",
"article_id" = "excluded"."article_id", "stars" = "excluded"."stars" RETURNING 1) SELECT row_to_json("r1".*)
FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
