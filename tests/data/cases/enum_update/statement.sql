WITH "written" AS (UPDATE "public"."errand" AS "t1" SET "priority" = $1::text WHERE ((("t1"."priority" IS
NULL) OR ("t1"."priority" IS DISTINCT FROM $2::text)) AND ("t1"."id" = $3::integer)) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."priority") AS "r1") AS "row", (("t1"."priority" IS NULL) OR
("t1"."priority" IS DISTINCT FROM $4::text)) AS "visible") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS
"affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"), '[]') AS "returning"
FROM "written") AS "r2"
