WITH "written" AS (UPDATE "public"."article" AS "t1" SET "published" = $1::boolean, "editor_id" = $2::integer
WHERE (("t1"."author_id" = $3::integer) AND (("t1"."published" = true) OR ("t1"."author_id" = $4::integer))
AND ("t1"."id" = $5::integer)) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id", "t1"."editor_id")
AS "r1") AS "row", (("t1"."published" = true) OR ("t1"."author_id" = $6::integer)) AS "visible") SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE
"written"."visible"), '[]') AS "returning" FROM "written") AS "r2"
