SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."title" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $1::integer)) AND ("t1"."rating" > $2::smallint) AND
(to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body", ''))) @@
websearch_to_tsquery('"english"'::regconfig, $3::text)) AND CASE WHEN (("t1"."published" = true) OR
("t1"."author_id" = $4::integer)) THEN ("t1"."title" LIKE $5::text) ELSE false END) ORDER BY
ts_rank(to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body",
''))), websearch_to_tsquery('"english"'::regconfig, $6::text)) DESC) AS "r1"
