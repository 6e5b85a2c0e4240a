WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "rating", "body", "author_id") VALUES
($1::text, $2::smallint, DEFAULT, $3::integer), ($4::text, $5::smallint, DEFAULT, $6::integer), ($7::text,
DEFAULT, $8::text, $9::integer) RETURNING CASE WHEN (("t1"."rating" IS NULL) OR ("t1"."rating" <=
$10::smallint)) THEN true ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM
(SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
