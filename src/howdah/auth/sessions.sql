-- begin --
with made as (
  insert into howdah_auth.sessions (user_id, token_hash, level, methods, expires_at, user_agent, ip)
  values ($1::bigint, $2::bytea, $3::smallint, array(select json_array_elements_text($4::json)),
    now() + make_interval(secs => $5::double precision), $6::text, $7::text)
  returning id
)
select to_json(id) from made

-- find --
-- By the hash of what the cookie holds ($1) or by its number ($2). Whoever is found has been seen; that is written down
-- once a minute at most.
with found as (
  select s.id, s.level, s.methods, s.user_id, u.roles, u.variables,
    extract(epoch from s.proved_at) as proved_at,
    extract(epoch from least(s.expires_at, s.seen_at + make_interval(secs => $3::double precision))) as expires_at,
    s.seen_at < now() - interval '1 minute' as is_old
  from howdah_auth.sessions s join howdah_auth.users u on u.id = s.user_id
  where (s.token_hash = $1::bytea or s.id = $2::uuid) and u.is_active
    and s.expires_at > now() and s.seen_at + make_interval(secs => $3::double precision) > now()
),
seen as (
  update howdah_auth.sessions s set seen_at = now() from found where s.id = found.id and found.is_old returning s.id
)
select coalesce((
  select json_build_object('id', id, 'level', level, 'methods', methods, 'user_id', user_id, 'roles', roles,
    'variables', variables, 'expires_at', expires_at, 'proved_at', proved_at)
  from found
), 'null')

-- end --
with done as (
  delete from howdah_auth.sessions where id = $1::uuid and ($2::bigint is null or user_id = $2::bigint) returning id
)
select to_json(count(*)) from done

-- end_all --
with done as (
  delete from howdah_auth.sessions where user_id = $1::bigint and ($2::uuid is null or id <> $2::uuid) returning id
)
select to_json(count(*)) from done

-- end_weak --
with done as (
  delete from howdah_auth.sessions where user_id = $1::bigint and id <> $2::uuid and level < 2 returning id
)
select to_json(count(*)) from done

-- list --
select coalesce(json_agg(json_build_object(
  'id', id, 'level', level, 'methods', methods, 'user_agent', user_agent, 'ip', ip,
  'kind', case when token_hash is null then 'token' else 'cookie' end,
  'created', to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'seen', to_char(seen_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'expires', to_char(expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
) order by seen_at desc, id), '[]')
from howdah_auth.sessions
where user_id = $1::bigint and expires_at > now() and seen_at + make_interval(secs => $2::double precision) > now()

-- renew --
-- A new token for a session whose owner has shown something more (R31), unless it is shown by access tokens.
with done as (
  update howdah_auth.sessions
  set token_hash = case when token_hash is not null then $2::bytea end, level = $3::smallint,
    proved_at = case when $5::boolean then now() else proved_at end,
    methods = array(select distinct unnest(methods || array(select json_array_elements_text($4::json))))
  where id = $1::uuid returning token_hash
)
select to_json(exists (select from done where token_hash is not null))

-- remove_expired --
with done as (
  delete from howdah_auth.sessions
  where expires_at < now() or seen_at + make_interval(secs => $1::double precision) < now() returning id
)
select to_json(count(*)) from done
