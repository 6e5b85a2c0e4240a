SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."name", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."bio" FROM "public"."profile" AS "t2" WHERE (("t2"."author_id" = "t1"."id") AND EXISTS (SELECT 1 FROM
"public"."author" AS "t3" WHERE (("t3"."id" = "t2"."author_id") AND ("t3"."active" = true))))) AS "r1") AS
"profile" FROM "public"."author" AS "t1") AS "r2"
