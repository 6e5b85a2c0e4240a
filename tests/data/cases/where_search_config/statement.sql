SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."article" AS "t1" WHERE
(to_tsvector('"simple"'::regconfig, "t1"."title") @@ websearch_to_tsquery('"simple"'::regconfig, $1::text)))
AS "r1"
