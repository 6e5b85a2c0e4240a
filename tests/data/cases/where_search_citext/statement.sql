SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."place" AS "t1" WHERE
(to_tsvector('"english"'::regconfig, "t1"."label") @@ websearch_to_tsquery('"english"'::regconfig, $1::text)))
AS "r1"
