SELECT row_to_json("r1".*) FROM (SELECT max("t1"."rating") AS "best" FROM "public"."article" AS "t1") AS "r1"

SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."article" AS "t1" WHERE
("t1"."rating" = $1::smallint)) AS "r1"
