WITH "written" AS (INSERT INTO "public"."badge" AS "t1" ("name") VALUES ($1::text) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id", "t1"."name") AS "r1") AS "row") SELECT row_to_json("r2".*) FROM
(SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written")
AS "r2"
