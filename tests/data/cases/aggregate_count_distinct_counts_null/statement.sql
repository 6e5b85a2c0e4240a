SELECT row_to_json("r1".*) FROM (SELECT count(DISTINCT ROW("t1"."editor_id")) AS "n", count("t1"."editor_id")
AS "values" FROM "public"."article" AS "t1") AS "r1"
