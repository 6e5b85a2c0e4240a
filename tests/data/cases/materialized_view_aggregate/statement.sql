SELECT row_to_json("r1".*) FROM (SELECT max("t1"."score") AS "best", count(*) AS "n" FROM
"public"."author_score" AS "t1" WHERE ("t1"."articles" > $1::bigint)) AS "r1"
