WITH "written" AS (UPDATE "app"."tbl_parcel" AS "t1" SET "weight" = ("t1"."weight" * $1::numeric), "cost" =
("t1"."cost" * $2::numeric), "memo" = DEFAULT WHERE ("t1"."parcel_id" = $3::integer) RETURNING 1) SELECT
row_to_json("r1".*) FROM (SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
