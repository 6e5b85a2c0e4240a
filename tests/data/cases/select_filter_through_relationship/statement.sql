SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."bio" FROM "public"."profile" AS "t1" WHERE EXISTS
(SELECT 1 FROM "public"."author" AS "t2" WHERE (("t2"."id" = "t1"."author_id") AND ("t2"."active" = true))))
AS "r1"
