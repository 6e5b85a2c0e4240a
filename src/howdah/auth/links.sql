-- make --
-- One link for each user and purpose: those before are of no use any more (R17).
with gone as (
  delete from howdah_auth.challenges where purpose = $2::text and user_id = $3::bigint
),
made as (
  insert into howdah_auth.challenges (token_hash, purpose, user_id, expires_at)
  values ($1::bytea, $2::text, $3::bigint, now() + make_interval(secs => $4::double precision))
  returning user_id
)
select to_json(user_id) from made

-- take --
with taken as (
  delete from howdah_auth.challenges where token_hash = $1::bytea and purpose = $2::text returning user_id, expires_at
)
select coalesce((select to_json(user_id) from taken where expires_at > now()), 'null')

-- revoke --
with gone as (
  delete from howdah_auth.challenges where purpose = $1::text and user_id = $2::bigint returning 1
)
select to_json(count(*)) from gone

-- whose --
select coalesce((
  select to_json(user_id) from howdah_auth.challenges
  where token_hash = $1::bytea and purpose = $2::text and expires_at > now()
), 'null')
