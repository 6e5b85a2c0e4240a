WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id") VALUES ($1::text,
$2::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept")
SELECT json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("user_id", "article_id") VALUES ($1::integer,
$2::integer), ($3::integer, $4::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
