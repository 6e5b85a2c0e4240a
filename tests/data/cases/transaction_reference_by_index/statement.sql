WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name") VALUES ($1::text), ($2::text) RETURNING
(SELECT row_to_json("r1".*) FROM (SELECT "t1"."name") AS "r1") AS "row", (SELECT row_to_json("r2".*) FROM
(SELECT "t1"."id") AS "r2") AS "kept") SELECT json_build_array((SELECT coalesce(json_agg("written"."kept"),
'[]') FROM "written"), (SELECT row_to_json("r3".*) FROM (SELECT count(*) AS "affected_rows",
coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r3"))

WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id", "editor_id") VALUES
($1::text, $2::integer, $3::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."title",
"t1"."author_id", "t1"."editor_id") AS "r1") AS "row") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS
"affected_rows", coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
