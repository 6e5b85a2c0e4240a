SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title" FROM
"public"."search_article"($1::text, $2::integer) AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id"
= $3::integer))) AS "r1"
