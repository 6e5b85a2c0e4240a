WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "published", "author_id") VALUES
($1::text, $2::boolean, $3::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS
"id") AS "r1") AS "kept", CASE WHEN (("t1"."rating" IS NULL) OR ("t1"."rating" <= $4::smallint)) THEN true
ELSE howdah.check_violation() END AS "checked") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."comment" AS "t1" ("text", "article_id", "user_id") VALUES ($1::text,
$2::integer, $3::integer) RETURNING CASE WHEN (EXISTS (SELECT 1 FROM "public"."article" AS "t2" WHERE
(("t2"."id" = "t1"."article_id") AND ("t2"."published" = true))) AND ("t1"."user_id" = $4::integer)) THEN true
ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
