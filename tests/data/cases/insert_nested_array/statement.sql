WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "published", "author_id") VALUES
($1::text, $2::boolean, $3::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS
"id") AS "r1") AS "kept", CASE WHEN (("t1"."rating" IS NULL) OR ("t1"."rating" <= $4::smallint)) THEN true
ELSE howdah.check_violation() END AS "checked") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "public"."comment" AS "t1" ("text", "article_id", "user_id") VALUES ($1::text,
$2::integer, $3::integer), ($4::text, $5::integer, $6::integer) RETURNING CASE WHEN (EXISTS (SELECT 1 FROM
"public"."article" AS "t2" WHERE (("t2"."id" = "t1"."article_id") AND ("t2"."published" = true))) AND
("t1"."user_id" = $7::integer)) THEN true ELSE howdah.check_violation() END AS "checked") SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"

SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."title", (SELECT coalesce(json_agg("r1".*), '[]')
FROM (SELECT "t2"."text", "t2"."article_id" FROM "public"."comment" AS "t2" WHERE (("t2"."article_id" =
"t1"."id") AND (("t2"."hidden" = false) OR ("t2"."user_id" = $1::integer))) ORDER BY "t2"."id") AS "r1") AS
"comments" FROM "public"."article" AS "t1", unnest($2::integer[]) WITH ORDINALITY AS "keys" ("k1", "place")
WHERE (("t1"."id" = "keys"."k1") AND (("t1"."published" = true) OR ("t1"."author_id" = $3::integer))) ORDER BY
"keys"."place") AS "r2"
