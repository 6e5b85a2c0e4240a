WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id") VALUES ($1::integer,
$2::integer) RETURNING CASE WHEN ("t1"."user_id" = $3::integer) THEN true ELSE howdah.check_violation() END AS
"checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
