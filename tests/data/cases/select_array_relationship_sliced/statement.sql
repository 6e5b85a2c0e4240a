SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."id", (SELECT coalesce(json_agg("r1".*), '[]') FROM
(SELECT "t2"."text" FROM "public"."comment" AS "t2" WHERE (("t2"."article_id" = "t1"."id") AND ("t2"."hidden"
= false) AND CASE WHEN ("t2"."hidden" = false) THEN ("t2"."text" LIKE $1::text) ELSE false END) ORDER BY
"t2"."created" DESC LIMIT 1 OFFSET $2::bigint) AS "r1") AS "latest" FROM "public"."article" AS "t1" WHERE
("t1"."published" = true) LIMIT 100) AS "r2"
