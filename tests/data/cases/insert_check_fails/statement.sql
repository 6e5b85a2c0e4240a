WITH "written" AS (INSERT INTO "public"."comment" AS "t1" ("article_id", "text", "user_id") VALUES
($1::integer, $2::text, $3::integer) RETURNING CASE WHEN (EXISTS (SELECT 1 FROM "public"."article" AS "t2"
WHERE (("t2"."id" = "t1"."article_id") AND ("t2"."published" = true))) AND ("t1"."user_id" = $4::integer))
THEN true ELSE howdah.check_violation() END AS "checked") SELECT row_to_json("r1".*) FROM (SELECT count(*) AS
"affected_rows" FROM "written") AS "r1"
