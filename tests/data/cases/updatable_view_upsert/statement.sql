WITH "written" AS (INSERT INTO "public"."open_errand" AS "t1" ("id", "title") VALUES ($1::integer, $2::text)
ON CONFLICT ("id") DO UPDATE SET "id" = "excluded"."id", "title" = "excluded"."title" RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id", "t1"."title") AS "r1") AS "row") SELECT row_to_json("r2".*) FROM
(SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written")
AS "r2"
