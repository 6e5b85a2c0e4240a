SELECT row_to_json("r5".*) FROM (SELECT "r3"."rows", (SELECT row_to_json("r6".*) FROM (SELECT "r3"."next",
"r3"."previous") AS "r6") AS "page" FROM (SELECT coalesce(json_agg("r2"."row" ORDER BY "r2"."place") FILTER
(WHERE ("r2"."place" <= 2)), '[]') AS "rows", CASE WHEN (count(*) > 2) THEN max("r2"."cursor") FILTER (WHERE
("r2"."place" = 2)) ELSE NULL END AS "next", NULL AS "previous" FROM (SELECT "r1"."row", "r1"."cursor",
row_number() OVER () AS "place" FROM (SELECT (SELECT row_to_json("r4".*) FROM (SELECT "t1"."id") AS "r4") AS
"row", translate(encode(convert_to(json_build_array($1::text, "t1"."id"::text)::text, 'UTF8'), 'base64'),
E'+/=\n', '-_') AS "cursor" FROM "public"."comment" AS "t1" WHERE ("t1"."hidden" = false) ORDER BY "t1"."id"
LIMIT 3) AS "r1") AS "r2") AS "r3") AS "r5"
