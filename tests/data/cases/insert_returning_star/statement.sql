WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id") VALUES ($1::integer,
$2::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."user_id", "t1"."article_id",
"t1"."stars", "t1"."note") AS "r1") AS "row", CASE WHEN ("t1"."user_id" = $3::integer) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS
"affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
