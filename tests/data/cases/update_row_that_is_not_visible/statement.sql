WITH "written" AS (UPDATE "public"."author" AS "t1" SET "active" = $1::boolean WHERE (("t1"."active" = true)
AND ("t1"."id" = $2::integer)) RETURNING CASE WHEN ("t1"."active" = true) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows"
FROM "written") AS "r1"
