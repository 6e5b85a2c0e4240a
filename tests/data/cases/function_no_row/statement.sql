SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title" FROM "public"."no_article"() AS
"t1" WHERE ((NOT ("t1".* IS NULL)) AND (("t1"."published" = true) OR ("t1"."author_id" = $1::integer)))) AS
"r1"
