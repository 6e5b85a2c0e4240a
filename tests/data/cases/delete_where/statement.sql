WITH "written" AS (DELETE FROM "public"."article" AS "t1" WHERE (("t1"."author_id" = $1::integer) AND
(("t1"."published" = true) OR ("t1"."author_id" = $2::integer)) AND ("t1"."id" = $3::integer)) RETURNING 1)
SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
