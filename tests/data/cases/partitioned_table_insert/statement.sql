WITH "written" AS (INSERT INTO "public"."reading" AS "t1" ("id", "day", "value", "author_id") VALUES
($1::integer, $2::date, $3::numeric, $4::integer), ($5::integer, $6::date, $7::numeric, $8::integer) RETURNING
(SELECT row_to_json("r1".*) FROM (SELECT "t1"."id") AS "r1") AS "row", ("t1"."author_id" = $9::integer) AS
"visible", CASE WHEN ("t1"."value" >= $10::numeric) THEN true ELSE howdah.check_violation() END AS "checked")
SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row") FILTER
(WHERE "written"."visible"), '[]') AS "returning" FROM "written") AS "r2"
