SELECT row_to_json("r5".*) FROM (SELECT "r3"."rows", (SELECT row_to_json("r6".*) FROM (SELECT "r3"."next",
"r3"."previous", "r3"."total") AS "r6") AS "page" FROM (SELECT coalesce(json_agg("r2"."row" ORDER BY
"r2"."place") FILTER (WHERE ("r2"."place" <= 1)), '[]') AS "rows", CASE WHEN (count(*) > 1) THEN
max("r2"."cursor") FILTER (WHERE ("r2"."place" = 1)) ELSE NULL END AS "next", NULL AS "previous", (SELECT
count(*) FROM "public"."article" AS "t2" WHERE ((("t2"."published" = true) OR ("t2"."author_id" =
$1::integer)) AND (to_tsvector('"english"'::regconfig, ((coalesce("t2"."title", '') || ' ') ||
coalesce("t2"."body", ''))) @@ websearch_to_tsquery('"english"'::regconfig, $2::text)))) AS "total" FROM
(SELECT "r1"."row", "r1"."cursor", row_number() OVER () AS "place" FROM (SELECT (SELECT row_to_json("r4".*)
FROM (SELECT "t1"."title") AS "r4") AS "row", translate(encode(convert_to(json_build_array($3::text,
ts_rank(to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body",
''))), websearch_to_tsquery('"english"'::regconfig, $4::text))::text, "t1"."id"::text)::text, 'UTF8'),
'base64'), E'+/=\n', '-_') AS "cursor" FROM "public"."article" AS "t1" WHERE ((("t1"."published" = true) OR
("t1"."author_id" = $5::integer)) AND (to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || '
') || coalesce("t1"."body", ''))) @@ websearch_to_tsquery('"english"'::regconfig, $6::text))) ORDER BY
ts_rank(to_tsvector('"english"'::regconfig, ((coalesce("t1"."title", '') || ' ') || coalesce("t1"."body",
''))), websearch_to_tsquery('"english"'::regconfig, $7::text)) DESC, "t1"."id" DESC LIMIT 2) AS "r1") AS "r2")
AS "r3") AS "r5"
