SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."stars" FROM "public"."rate"($1::integer,
$2::integer) AS "t1" WHERE ("t1"."user_id" = $3::integer)) AS "r1"
