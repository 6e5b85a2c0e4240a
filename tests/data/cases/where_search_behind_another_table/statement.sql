SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."profile" AS "t1" WHERE (EXISTS
(SELECT 1 FROM "public"."author" AS "t2" WHERE (("t2"."id" = "t1"."author_id") AND ("t2"."active" = true)))
AND CASE WHEN EXISTS (SELECT 1 FROM "public"."author" AS "t3" WHERE (("t3"."id" = "t1"."author_id") AND
("t3"."active" = true))) THEN (to_tsvector('"english"'::regconfig, "t1"."bio") @@
websearch_to_tsquery('"english"'::regconfig, $1::text)) ELSE false END)) AS "r1"
