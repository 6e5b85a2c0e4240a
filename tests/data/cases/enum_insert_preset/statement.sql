WITH "written" AS (INSERT INTO "public"."errand" AS "t1" ("title", "priority") VALUES ($1::text, $2::text)
RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."priority") AS "r1") AS "row", ("t1"."priority" IN
($3::text, $4::text)) AS "visible") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows",
coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"), '[]') AS "returning" FROM "written") AS
"r2"
