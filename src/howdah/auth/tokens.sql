-- begin --
with made as (
  insert into howdah_auth.refresh_tokens (token_hash, session_id) values ($1::bytea, $2::uuid) returning token_hash
)
select to_json(count(*)) from made

-- hold --
-- The session of a refresh token, locked: whoever asks with any token of the family comes after us.
select coalesce((
  select to_json(id) from howdah_auth.sessions
  where id = (select session_id from howdah_auth.refresh_tokens where token_hash = $1::bytea)
  for update
), 'null')

-- find --
-- By the clock and not by the beginning of the transaction, which may have waited for another one.
select coalesce((
  select json_build_object('is_used', used_at is not null,
    'in_grace', used_at + make_interval(secs => $2::double precision) > clock_timestamp(),
    'successor', encode(successor, 'hex'))
  from howdah_auth.refresh_tokens where token_hash = $1::bytea
), 'null')

-- use --
with used as (
  update howdah_auth.refresh_tokens set used_at = clock_timestamp(), successor = $2::bytea
  where token_hash = $1::bytea and used_at is null
  returning session_id
),
made as (
  insert into howdah_auth.refresh_tokens (token_hash, session_id) select $3::bytea, session_id from used returning 1
)
select to_json(count(*)) from made

-- renew --
-- The same session under another id: what was signed for the one before finds nothing.
with old as (
  delete from howdah_auth.sessions where id = $1::uuid and token_hash is null returning *
),
made as (
  insert into howdah_auth.sessions (user_id, level, methods, proved_at, created_at, expires_at, user_agent, ip)
  select user_id, $3::smallint,
    array(select distinct unnest(methods || array(select json_array_elements_text($2::json)))),
    case when $4::boolean then now() else proved_at end, created_at, expires_at, user_agent, ip
  from old
  returning id
)
select coalesce((select to_json(id) from made), 'null')
