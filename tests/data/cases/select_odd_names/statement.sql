SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."a ""quoted"" column", "t1"."x.y", "t1"."row",
"t1"."r1" FROM "public"."odd ""table""" AS "t1" ORDER BY "t1"."x.y") AS "r1"
