WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("id", "title", "author_id") VALUES ($1::integer,
$2::text, $3::integer) ON CONFLICT DO NOTHING RETURNING (SELECT row_to_json("r1".*) FROM (SELECT
"t1"."id"::text AS "id") AS "r1") AS "kept") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."comment" AS "t1" ("user_id", "text", "article_id") VALUES
($1::integer, $2::text, $3::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
