WITH "written" AS (INSERT INTO "public"."article" AS "t1" ("title", "author_id", "rating") VALUES ($1::text,
$2::integer, $3::smallint) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows"
FROM "written") AS "r1"
