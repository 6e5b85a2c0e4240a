SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "count" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND (to_tsvector('"english"'::regconfig,
"t1"."title") @@ websearch_to_tsquery('"english"'::regconfig, $2::text)))) AS "r1"
