-- note --
with done as (
  insert into howdah_auth.devices (user_id, device_hash) values ($1::bigint, $2::bytea)
  on conflict (user_id, device_hash) do update set seen_at = now()
  returning user_id
)
select to_json(count(*)) from done

-- is_known --
select to_json(exists (
  select from howdah_auth.devices
  where user_id = $1::bigint and device_hash = $2::bytea and seen_at > now() - make_interval(secs => $3::double precision)
))
