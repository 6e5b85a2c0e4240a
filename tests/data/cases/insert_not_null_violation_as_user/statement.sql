WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id") VALUES ($1::text,
$2::integer) RETURNING CASE WHEN (("t1"."rating" IS NULL) OR ("t1"."rating" <= $3::smallint)) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows"
FROM "written") AS "r1"
