-- try_lock --
select to_json(pg_try_advisory_xact_lock(7473, 3))

-- lock_unconfirmed --
-- Accounts older than $1 seconds of which nothing was ever shown to be anybody's, and that nobody can confirm any more.
select coalesce(json_agg(id), '[]') from (
  select u.id from howdah_auth.users u
  where u.created_at < now() - make_interval(secs => $1::double precision)
    and exists (select from howdah_auth.identities i where i.user_id = u.id)
    and not exists (select from howdah_auth.identities i where i.user_id = u.id and i.verified_at is not null)
    and not exists (select from howdah_auth.codes c where c.user_id = u.id and c.expires_at > now())
  limit 1000 for update skip locked
) as found

-- remove_unconfirmed --
-- Those of them that were not confirmed in the moment before they were locked. What happened stays in the audit.
with gone as (
  delete from howdah_auth.users u
  where u.id in (select json_array_elements_text($1::json)::bigint)
    and not exists (select from howdah_auth.identities i where i.user_id = u.id and i.verified_at is not null)
  returning u.id
),
noted as (
  insert into howdah_auth.audit (event, user_id, actor) select 'unconfirmed-removed', id, 'system' from gone returning 1
)
select to_json(count(*)) from noted

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
