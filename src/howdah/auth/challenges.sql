-- begin --
with made as (
  insert into howdah_auth.challenges (token_hash, purpose, user_id, session_id, data, expires_at)
  values ($1::bytea, $2::text, $3::bigint, $4::uuid, $5::jsonb, now() + make_interval(secs => $6::double precision))
  returning token_hash
)
select to_json(count(*)) from made

-- find --
-- What was begun before the password became another one is over.
select coalesce((
  select json_build_object('user_id', c.user_id, 'session_id', c.session_id, 'data', c.data)
  from howdah_auth.challenges c left join howdah_auth.users u on u.id = c.user_id
  where c.token_hash = $1::bytea and c.purpose = $2::text and c.expires_at > now()
    and (u.password_changed_at is null or u.password_changed_at <= c.created_at)
), 'null')

-- take --
with taken as (
  delete from howdah_auth.challenges c
  where c.token_hash = $1::bytea and c.purpose = $2::text
  returning c.user_id, c.session_id, c.data, c.created_at, c.expires_at
)
select coalesce((
  select json_build_object('user_id', t.user_id, 'session_id', t.session_id, 'data', t.data)
  from taken t left join howdah_auth.users u on u.id = t.user_id
  where t.expires_at > now() and (u.password_changed_at is null or u.password_changed_at <= t.created_at)
), 'null')

-- drop --
with done as (
  delete from howdah_auth.challenges where user_id = $1::bigint and purpose = coalesce($2::text, purpose)
  returning token_hash
)
select to_json(count(*)) from done
