SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."author_score" AS "t1") AS "r1"
