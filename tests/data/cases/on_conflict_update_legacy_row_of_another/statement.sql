WITH "written" AS (INSERT INTO "app"."note" AS "t1" ("id", "owner_id", "title") VALUES ($1::integer,
$2::integer, $3::text) ON CONFLICT ("id") DO UPDATE SET "id" = "excluded"."id", "owner_id" =
"excluded"."owner_id", "title" = "excluded"."title" WHERE ("t1"."owner_id" = $4::integer) RETURNING CASE WHEN
("t1"."owner_id" = $5::integer) THEN true ELSE howdah.check_violation() END AS "checked") SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
