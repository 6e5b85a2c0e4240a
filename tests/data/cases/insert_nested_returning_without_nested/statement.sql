WITH "written" AS (INSERT INTO "public"."comment" AS "t1" ("article_id", "text", "user_id") VALUES
($1::integer, $2::text, $3::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS
"id") AS "r1") AS "kept", CASE WHEN (EXISTS (SELECT 1 FROM "public"."article" AS "t2" WHERE (("t2"."id" =
"t1"."article_id") AND ("t2"."published" = true))) AND ("t1"."user_id" = $4::integer)) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."text", (SELECT row_to_json("r1".*) FROM (SELECT
"t2"."title" FROM "public"."article" AS "t2" WHERE (("t2"."id" = "t1"."article_id") AND (("t2"."published" =
true) OR ("t2"."author_id" = $1::integer)))) AS "r1") AS "article" FROM "public"."comment" AS "t1",
unnest($2::bigint[]) WITH ORDINALITY AS "keys" ("k1", "place") WHERE (("t1"."id" = "keys"."k1") AND
(("t1"."hidden" = false) OR ("t1"."user_id" = $3::integer))) ORDER BY "keys"."place") AS "r2"
