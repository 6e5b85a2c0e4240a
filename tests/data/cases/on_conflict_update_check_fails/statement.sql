WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id", "stars") VALUES
($1::integer, $2::integer, $3::integer) ON CONFLICT ("user_id", "article_id") DO UPDATE SET "stars" =
"excluded"."stars", "note" = $4::text WHERE ("t1"."user_id" = $5::integer) RETURNING CASE WHEN
(("t1"."user_id" = $6::integer) AND (("t1"."xmax" = 0) OR ("t1"."stars" >= $7::integer))) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows"
FROM "written") AS "r1"
