SELECT row_to_json("r1".*) FROM (SELECT max("t1"."a ""quoted"" column") AS "a ""quoted"" name",
min("t1"."row") AS "r1" FROM "public"."odd ""table""" AS "t1") AS "r1"
