WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id") VALUES ($1::text,
$2::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id", "t1"."title", "t1"."author_id") AS
"r1") AS "row", (("t1"."published" = true) OR ("t1"."author_id" = $3::integer)) AS "visible", CASE WHEN
(("t1"."rating" IS NULL) OR ("t1"."rating" <= $4::smallint)) THEN true ELSE howdah.check_violation() END AS
"checked") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows",
coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"), '[]') AS "returning" FROM "written") AS
"r2"
