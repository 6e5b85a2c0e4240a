SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t1"."user_id", "t1"."stars" FROM
"public"."rate"($1::integer, $2::integer, $3::integer) AS "t1") AS "r1"
