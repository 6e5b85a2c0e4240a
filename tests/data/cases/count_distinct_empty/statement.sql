SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."article" AS "t1" WHERE
("t1"."published" = true)) AS "r1"
