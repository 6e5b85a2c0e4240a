WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "data", "raw", "author_id") VALUES
($1::text, $2::jsonb, $3::json, $4::integer), ($5::text, $6::jsonb, $7::json, $8::integer) RETURNING CASE WHEN
(("t1"."rating" IS NULL) OR ("t1"."rating" <= $9::smallint)) THEN true ELSE howdah.check_violation() END AS
"checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
