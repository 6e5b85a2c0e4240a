WITH "written" AS (DELETE FROM "public"."reading" AS "t1" WHERE (("t1"."author_id" = $1::integer) AND
("t1"."author_id" = $2::integer) AND ("t1"."value" > $3::numeric)) RETURNING (SELECT row_to_json("r1".*) FROM
(SELECT "t1"."id") AS "r1") AS "row", ("t1"."author_id" = $4::integer) AS "visible") SELECT
row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE
"written"."visible"), '[]') AS "returning" FROM "written") AS "r2"
