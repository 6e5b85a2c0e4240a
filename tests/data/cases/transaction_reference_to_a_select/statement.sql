SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT coalesce(json_agg("r1".*), '[]') FROM
(SELECT "t2"."title" FROM "public"."article" AS "t2" WHERE ("t2"."author_id" = "t1"."id") ORDER BY "t2"."id")
AS "r1") AS "articles" FROM "public"."author" AS "t1" WHERE ("t1"."name" = $1::text)) AS "r2"

WITH "written" AS (UPDATE "public"."article" AS "t1" SET "body" = $1::text WHERE (("t1"."author_id" =
$2::integer) AND ("t1"."title" = $3::text)) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id",
"t1"."body") AS "r1") AS "row") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows",
coalesce(json_agg("written"."row"), '[]') AS "returning" FROM "written") AS "r2"
