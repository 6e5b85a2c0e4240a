-- try_lock --
select to_json(pg_try_advisory_xact_lock(7473, 3))

-- remove_codes --
with gone as (delete from howdah_auth.codes where expires_at < now() - interval '1 day' returning 1)
select to_json(count(*)) from gone

-- remove_challenges --
with gone as (delete from howdah_auth.challenges where expires_at < now() returning 1)
select to_json(count(*)) from gone

-- remove_devices --
with gone as (delete from howdah_auth.devices where seen_at < now() - interval '400 days' returning 1)
select to_json(count(*)) from gone

-- remove_unconfirmed_factors --
with gone as (
  delete from howdah_auth.totp_factors where confirmed_at is null and created_at < now() - interval '1 day' returning 1
)
select to_json(count(*)) from gone
