SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."value" FROM "app"."priority" AS "t2" WHERE ("t2"."value" = "t1"."priority")) AS "r1") AS "urgency" FROM
"public"."errand" AS "t1" WHERE ((("t1"."priority" IS NULL) OR ("t1"."priority" IS DISTINCT FROM $1::text))
AND EXISTS (SELECT 1 FROM "app"."priority" AS "t3" WHERE (("t3"."value" = "t1"."priority") AND ("t3"."value" =
$2::text)))) ORDER BY "t1"."priority") AS "r2"
