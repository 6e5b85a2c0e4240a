SELECT row_to_json("r5".*) FROM (SELECT "r3"."rows", (SELECT row_to_json("r6".*) FROM (SELECT "r3"."next",
"r3"."previous", "r3"."total") AS "r6") AS "page" FROM (SELECT coalesce(json_agg("r2"."row" ORDER BY
"r2"."place"), '[]') AS "rows", NULL AS "next", NULL AS "previous", (SELECT count(*) FROM "public"."article"
AS "t2") AS "total" FROM (SELECT "r1"."row", "r1"."cursor", row_number() OVER () AS "place" FROM (SELECT
(SELECT row_to_json("r4".*) FROM (SELECT "t1"."id") AS "r4") AS "row",
translate(encode(convert_to(json_build_array($1::text, "t1"."title"::text, "t1"."id"::text)::text, 'UTF8'),
'base64'), E'+/=\n', '-_') AS "cursor" FROM "public"."article" AS "t1" ORDER BY "t1"."title", "t1"."id") AS
"r1") AS "r2") AS "r3") AS "r5"
