SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n", count("t1"."rating") AS "rated", sum("t1"."price") AS
"sum", avg("t1"."rating") AS "mean", min("t1"."price") AS "least", max("t1"."rating") AS "most" FROM
"public"."article" AS "t1") AS "r1"
