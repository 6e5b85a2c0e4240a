WITH "written" AS (UPDATE "public"."article" AS "t1" SET "title" = $1::text, "body" = $2::text, "editor_id" =
$3::integer WHERE (("t1"."author_id" = $4::integer) AND (("t1"."published" = true) OR ("t1"."author_id" =
$5::integer)) AND ("t1"."id" = $6::integer)) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
