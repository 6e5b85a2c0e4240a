SELECT row_to_json("r7".*) FROM (SELECT "r3"."rows", (SELECT row_to_json("r8".*) FROM (SELECT "r3"."next",
"r3"."previous") AS "r8") AS "page" FROM (SELECT coalesce(json_agg("r2"."row" ORDER BY "r2"."place") FILTER
(WHERE ("r2"."place" <= 2)), '[]') AS "rows", CASE WHEN (count(*) > 2) THEN max("r2"."cursor") FILTER (WHERE
("r2"."place" = 2)) ELSE NULL END AS "next", NULL AS "previous" FROM (SELECT "r1"."row", "r1"."cursor",
row_number() OVER () AS "place" FROM (SELECT (SELECT row_to_json("r6".*) FROM (SELECT "t1"."title", (SELECT
row_to_json("r4".*) FROM (SELECT "t2"."name" FROM "public"."author" AS "t2" WHERE ("t2"."id" =
"t1"."author_id")) AS "r4") AS "author", (SELECT coalesce(json_agg("r5".*), '[]') FROM (SELECT "t3"."text"
FROM "public"."comment" AS "t3" WHERE (("t3"."article_id" = "t1"."id") AND (("t3"."hidden" = false) OR
("t3"."user_id" = $1::integer))) ORDER BY "t3"."id" LIMIT 1) AS "r5") AS "comments") AS "r6") AS "row",
translate(encode(convert_to(json_build_array($2::text, "t1"."id"::text)::text, 'UTF8'), 'base64'), E'+/=\n',
'-_') AS "cursor" FROM "public"."article" AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" =
$3::integer)) ORDER BY "t1"."id" LIMIT 3) AS "r1") AS "r2") AS "r3") AS "r7"
