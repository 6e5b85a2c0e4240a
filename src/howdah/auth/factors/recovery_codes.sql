-- replace --
with before as (delete from howdah_auth.recovery_codes where user_id = $1::bigint returning code_hash),
made as (
  insert into howdah_auth.recovery_codes (user_id, code_hash)
  select $1::bigint, decode(value, 'hex') from json_array_elements_text($2::json)
  where (select count(*) from before) >= 0
  returning code_hash
)
select to_json(count(*)) from made

-- use --
-- Of many statements with one code one finds it not used yet (R28).
with done as (
  update howdah_auth.recovery_codes set used_at = now()
  where user_id = $1::bigint and used_at is null
    and code_hash in (select decode(value, 'hex') from json_array_elements_text($2::json))
  returning code_hash
)
select case when exists (select from done) then to_json((
  select count(*) from howdah_auth.recovery_codes
  where user_id = $1::bigint and used_at is null and code_hash not in (select code_hash from done)
)) else 'null' end
