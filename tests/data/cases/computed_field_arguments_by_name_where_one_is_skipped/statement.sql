SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "public"."author_label"("t1".*, "suffix" => $1::text) AS
"label" FROM "public"."author" AS "t1" ORDER BY "t1"."id") AS "r1"
