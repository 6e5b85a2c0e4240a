-- create --
with made as (
  insert into howdah_auth.service_tokens (name, token_hash, roles, variables, scopes, created_by, expires_at)
  values ($1::text, $2::bytea, array(select json_array_elements_text($3::json)), $4::jsonb,
    case when $5::json is null then null else array(select json_array_elements_text($5::json)) end, $6::bigint,
    now() + make_interval(secs => $7::double precision))
  returning id
)
select to_json(id) from made

-- find --
-- Whoever is found was used now; that is written down once a minute at most.
with found as (
  select id, roles, variables, scopes, extract(epoch from expires_at) as expires_at,
    coalesce(used_at < now() - interval '1 minute', true) as is_old
  from howdah_auth.service_tokens
  where token_hash = $1::bytea and revoked_at is null and (expires_at is null or expires_at > now())
),
used as (
  update howdah_auth.service_tokens t set used_at = now() from found where t.id = found.id and found.is_old
  returning t.id
)
select coalesce((
  select json_build_object('id', id, 'roles', roles, 'variables', variables, 'scopes', scopes, 'expires_at', expires_at)
  from found
), 'null')

-- list --
select coalesce(json_agg(json_build_object('id', id, 'name', name, 'roles', roles, 'variables', variables,
  'scopes', scopes, 'created_by', created_by,
  'created', to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'used', to_char(used_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'expires', to_char(expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'revoked', to_char(revoked_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
) order by created_at desc, id), '[]')
from howdah_auth.service_tokens

-- revoke --
with done as (
  update howdah_auth.service_tokens set revoked_at = now() where id = $1::uuid and revoked_at is null returning name
)
select coalesce((select to_json(name) from done), 'null')
