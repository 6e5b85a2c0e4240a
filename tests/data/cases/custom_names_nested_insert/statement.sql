WITH "written" AS (INSERT INTO "public"."author" AS "t1" ("name") VALUES ($1::text) RETURNING (SELECT
row_to_json("r1".*) FROM (SELECT "t1"."id"::text AS "id") AS "r1") AS "kept") SELECT json_build_array((SELECT
coalesce(json_agg("written"."kept"), '[]') FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*)
AS "affected_rows" FROM "written") AS "r2"))

WITH "written" AS (INSERT INTO "app"."tbl_parcel" AS "t1" ("ref_no", "weight", "sender_id") VALUES ($1::text,
$2::integer, $3::integer) RETURNING (SELECT row_to_json("r1".*) FROM (SELECT "t1"."parcel_id"::text AS
"parcel_id") AS "r1") AS "kept") SELECT json_build_array((SELECT coalesce(json_agg("written"."kept"), '[]')
FROM "written"), (SELECT row_to_json("r2".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS
"r2"))

WITH "written" AS (INSERT INTO "app"."tbl_item" AS "t1" ("item_id", "label", "parcel_id") VALUES ($1::integer,
$2::text, $3::integer) RETURNING 1) SELECT row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM
"written") AS "r1"

SELECT coalesce(json_agg("r2".*), '[]') FROM (SELECT "t1"."parcel_id" AS "id", "t1"."weight" AS "cost",
(SELECT coalesce(json_agg("r1".*), '[]') FROM (SELECT "t2"."item_id" AS "id", "t2"."parcel_id" AS
"parcel_number" FROM "app"."tbl_item" AS "t2" WHERE ("t2"."parcel_id" = "t1"."parcel_id")) AS "r1") AS "items"
FROM "app"."tbl_parcel" AS "t1", unnest($1::integer[]) WITH ORDINALITY AS "keys" ("k1", "place") WHERE
("t1"."parcel_id" = "keys"."k1") ORDER BY "keys"."place") AS "r2"
