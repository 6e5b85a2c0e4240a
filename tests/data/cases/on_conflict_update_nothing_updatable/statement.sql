WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id", "stars", "note") VALUES
($1::integer, $2::integer, $3::integer, $4::text) ON CONFLICT ("user_id", "article_id") DO UPDATE SET
"user_id" = "excluded"."user_id", "article_id" = "excluded"."article_id", "stars" = "excluded"."stars", "note"
= "excluded"."note" WHERE ("t1"."user_id" = $5::integer) RETURNING CASE WHEN ("t1"."user_id" = $6::integer)
THEN true ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
