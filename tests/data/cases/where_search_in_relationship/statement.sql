SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."author" AS "t1" WHERE EXISTS
(SELECT 1 FROM "public"."article" AS "t2" WHERE (("t2"."author_id" = "t1"."id") AND (("t2"."published" = true)
OR ("t2"."author_id" = $1::integer)) AND (to_tsvector('"english"'::regconfig, "t2"."title") @@
websearch_to_tsquery('"english"'::regconfig, $2::text))))) AS "r1"
