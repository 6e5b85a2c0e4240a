WITH "written" AS (INSERT INTO "public"."rating" AS "t1" ("article_id", "user_id") VALUES ($1::integer,
$2::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written")
AS "r1"
