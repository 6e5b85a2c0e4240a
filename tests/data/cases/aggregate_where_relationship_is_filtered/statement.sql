SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "n" FROM "public"."comment" AS "t1" WHERE (("t1"."hidden"
= false) AND EXISTS (SELECT 1 FROM "public"."article" AS "t2" WHERE (("t2"."id" = "t1"."article_id") AND
("t2"."published" = true) AND ("t2"."id" < $1::integer))))) AS "r1"
