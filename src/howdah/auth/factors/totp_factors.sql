-- begin --
-- Of those that are not confirmed there is one at most.
with before as (
  delete from howdah_auth.totp_factors where user_id = $2::bigint and confirmed_at is null returning id
),
made as (
  insert into howdah_auth.totp_factors (id, user_id, name, secret)
  select $1::uuid, $2::bigint, $3::text, $4::bytea where (select count(*) from before) >= 0
  returning id
)
select to_json(count(*)) from made

-- find --
-- The confirmed ones, or ($2) the one that is not yet.
select coalesce(json_agg(json_build_object('id', id, 'name', name, 'secret', encode(secret, 'hex'),
  'last_counter', last_counter) order by created_at), '[]')
from howdah_auth.totp_factors
where user_id = $1::bigint and case when $2::boolean then confirmed_at is not null
  else confirmed_at is null and created_at > now() - make_interval(secs => $3::double precision) end

-- use --
-- The row is decided on as it is once its lock is had: of many statements with one counter one updates it (R23).
with done as (
  update howdah_auth.totp_factors
  set last_counter = $2::bigint, used_at = now(), confirmed_at = coalesce(confirmed_at, now())
  where id = $1::uuid and last_counter < $2::bigint returning id
)
select to_json(exists (select from done))
