SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n", max("t1"."articles") AS "most" FROM
"public"."author_statistics" AS "t1") AS "r1"
