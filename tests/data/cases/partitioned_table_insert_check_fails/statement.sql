WITH "written" AS (INSERT INTO "public"."reading" AS "t1" ("id", "day", "value", "author_id") VALUES
($1::integer, $2::date, $3::numeric, $4::integer) RETURNING CASE WHEN ("t1"."value" >= $5::numeric) THEN true
ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
