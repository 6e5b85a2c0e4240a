WITH "written" AS (INSERT INTO "public"."odd ""table""" AS "t1" ("a ""quoted"" column", "x.y") VALUES
($1::text, $2::text) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."row", "t1"."r1", "t1"."x.y") AS
"r1") AS "row") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows",
coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
