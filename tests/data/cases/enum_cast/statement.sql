SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."priority" FROM "public"."errand" AS "t1"
WHERE ((("t1"."priority" IS NULL) OR ("t1"."priority" IS DISTINCT FROM $1::text)) AND CASE WHEN
(("t1"."priority" IS NULL) OR ("t1"."priority" IS DISTINCT FROM $2::text)) THEN ("t1"."priority"::text LIKE
$3::text) ELSE false END)) AS "r1"
