WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id", "stars") VALUES
($1::integer, $2::integer, $3::integer) ON CONFLICT ("user_id", "article_id") DO UPDATE SET "stars" =
"excluded"."stars", "note" = $4::text WHERE ("t1"."user_id" = $5::integer) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."stars") AS "r1") AS "row", ("t1"."user_id" = $6::integer) AS "visible",
CASE WHEN (("t1"."user_id" = $7::integer) AND (("t1"."xmax" = 0) OR ("t1"."stars" >= $8::integer))) THEN true
ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS
"affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"), '[]') AS "returning"
FROM "written") AS "r2"
