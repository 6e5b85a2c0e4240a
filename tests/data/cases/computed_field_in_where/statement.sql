SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id" FROM "public"."author" AS "t1" WHERE
("public"."author_label"("t1".*) = ANY ($1::text[])) ORDER BY "t1"."id") AS "r1"
