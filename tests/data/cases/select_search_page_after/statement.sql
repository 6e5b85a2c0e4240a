SELECT row_to_json("r5".*) FROM (SELECT "r3"."rows", (SELECT row_to_json("r6".*) FROM (SELECT "r3"."next",
"r3"."previous") AS "r6") AS "page" FROM (SELECT coalesce(json_agg("r2"."row" ORDER BY "r2"."place") FILTER
(WHERE ("r2"."place" <= 1)), '[]') AS "rows", CASE WHEN (count(*) > 1) THEN max("r2"."cursor") FILTER (WHERE
("r2"."place" = 1)) ELSE NULL END AS "next", max("r2"."cursor") FILTER (WHERE ("r2"."place" = 1)) AS
"previous" FROM (SELECT "r1"."row", "r1"."cursor", row_number() OVER () AS "place" FROM (SELECT (SELECT
row_to_json("r4".*) FROM (SELECT "t1"."title", ts_rank(to_tsvector('"english"'::regconfig,
((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body", ''))),
websearch_to_tsquery('"english"'::regconfig, $1::text)) AS "fit") AS "r4") AS "row",
translate(encode(convert_to(json_build_array($2::text, ts_rank(to_tsvector('"english"'::regconfig,
((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body", ''))),
websearch_to_tsquery('"english"'::regconfig, $3::text))::text, "t1"."id"::text)::text, 'UTF8'), 'base64'),
E'+/=\n', '-_') AS "cursor" FROM "public"."article" AS "t1" WHERE ((("t1"."published" = true) OR
("t1"."author_id" = $4::integer)) AND (to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || '
') || coalesce("t1"."body", ''))) @@ websearch_to_tsquery('"english"'::regconfig, $5::text)) AND
(ROW(ts_rank(to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body",
''))), websearch_to_tsquery('"english"'::regconfig, $6::text)), "t1"."id") < ROW($7::real, $8::integer)))
ORDER BY ts_rank(to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || ' ') ||
coalesce("t1"."body", ''))), websearch_to_tsquery('"english"'::regconfig, $9::text)) DESC, "t1"."id" DESC
LIMIT 2) AS "r1") AS "r2") AS "r3") AS "r5"
