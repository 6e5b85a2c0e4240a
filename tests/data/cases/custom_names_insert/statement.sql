WITH "written" AS (INSERT INTO "app"."tbl_parcel" AS "t1" ("ref_no", "weight", "memo", "sender_id") VALUES
($1::text, $2::integer, DEFAULT, $3::integer), ($4::text, $5::integer, $6::json, $7::integer) RETURNING
(SELECT row_to_json("r1".*) FROM (SELECT "t1"."parcel_id" AS "id", "t1"."weight" AS "cost") AS "r1") AS "row",
("t1"."sender_id" = $8::integer) AS "visible", CASE WHEN ("t1"."weight" <= $9::integer) THEN true ELSE
howdah.check_violation() END AS "checked") SELECT row_to_json("r2".*) FROM (SELECT count(*) AS
"affected_rows", coalesce(json_agg("written"."row") FILTER (WHERE "written"."visible"), '[]') AS "returning"
FROM "written") AS "r2"
