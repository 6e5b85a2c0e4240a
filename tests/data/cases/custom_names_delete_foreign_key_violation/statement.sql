WITH "written" AS (DELETE FROM "app"."tbl_parcel" AS "t1" WHERE (("t1"."sender_id" = $1::integer) AND
("t1"."sender_id" = $2::integer) AND ("t1"."ref_no" = $3::text)) RETURNING 1) SELECT row_to_json("r1".*) FROM
(SELECT count(*) AS "affected_rows" FROM "written") AS "r1"
