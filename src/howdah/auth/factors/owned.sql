-- find --
select json_build_object(
  'totp', coalesce((
    select json_agg(json_build_object('id', id, 'name', name,
      'created', to_char(confirmed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      'used', to_char(used_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    ) order by confirmed_at, id)
    from howdah_auth.totp_factors where user_id = $1::bigint and confirmed_at is not null
  ), '[]'),
  'passkeys', coalesce((
    select json_agg(json_build_object('id', id, 'name', name,
      'created', to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      'used', to_char(used_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    ) order by created_at, id)
    from howdah_auth.passkeys where user_id = $1::bigint
  ), '[]'),
  'recovery_codes', (
    select count(*) from howdah_auth.recovery_codes where user_id = $1::bigint and used_at is null
  )
)

-- rename --
with app as (
  update howdah_auth.totp_factors set name = $3::text
  where id = $2::uuid and user_id = $1::bigint and confirmed_at is not null returning id
),
passkey as (
  update howdah_auth.passkeys set name = $3::text where id = $2::uuid and user_id = $1::bigint returning id
)
select to_json((select count(*) from app) + (select count(*) from passkey))

-- remove --
with app as (
  delete from howdah_auth.totp_factors where id = $2::uuid and user_id = $1::bigint and confirmed_at is not null
  returning name
),
passkey as (
  delete from howdah_auth.passkeys where id = $2::uuid and user_id = $1::bigint returning name
)
select coalesce((select to_json(name) from (table app union all table passkey) removed), 'null')

-- remove_all --
with apps as (delete from howdah_auth.totp_factors where user_id = $1::bigint returning confirmed_at),
passkeys as (delete from howdah_auth.passkeys where user_id = $1::bigint returning id),
codes as (delete from howdah_auth.recovery_codes where user_id = $1::bigint returning code_hash)
select json_build_object(
  'totp', (select count(*) from apps where confirmed_at is not null),
  'passkeys', (select count(*) from passkeys),
  'recovery_codes', (select count(*) from codes)
)
