SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."id", "t1"."title" FROM
"public"."written_by_me"($1::json, $2::text) AS "t1" WHERE (("t1"."published" = true) OR ("t1"."author_id" =
$3::integer))) AS "r1"
