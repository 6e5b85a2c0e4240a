SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."title", ts_rank(to_tsvector('"english"'::regconfig,
((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body", ''))),
websearch_to_tsquery('"english"'::regconfig, $1::text)) AS "score" FROM "public"."article" AS "t1" WHERE
((("t1"."published" = true) OR ("t1"."author_id" = $2::integer)) AND (to_tsvector('"english"'::regconfig,
((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body", ''))) @@
websearch_to_tsquery('"english"'::regconfig, $3::text))) ORDER BY ts_rank(to_tsvector('"english"'::regconfig,
((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body", ''))),
websearch_to_tsquery('"english"'::regconfig, $4::text)) DESC, "t1"."id" LIMIT 5) AS "r1"
