SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title" FROM
"public"."written_by_me"($1::json) AS "t1" WHERE ("t1"."published" = true) LIMIT 100) AS "r1"
