SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "public"."author_label"("t1".*) AS "label"
FROM "public"."author" AS "t1" ORDER BY "public"."author_label"("t1".*) DESC) AS "r1"
