WITH "written" AS (UPDATE "public"."article" AS "t1" SET "rating" = $1::smallint, "editor_id" = $2::integer
WHERE (("t1"."author_id" = $3::integer) AND (("t1"."published" = true) OR ("t1"."author_id" = $4::integer))
AND (to_tsvector('"english"'::regconfig, "t1"."title") @@ websearch_to_tsquery('"english"'::regconfig,
$5::text))) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."title") AS "r1") AS "row",
(("t1"."published" = true) OR ("t1"."author_id" = $6::integer)) AS "visible") SELECT row_to_json("r2".*) FROM
(SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"),
'[]') AS "returning" FROM "written") AS "r2"
