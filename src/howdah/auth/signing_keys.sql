-- list --
-- The database's clock goes along: whose time has come is decided by one clock, however many machines there are.
select json_build_object('now', extract(epoch from clock_timestamp()), 'keys', coalesce((
  select json_agg(json_build_object('kid', id, 'algorithm', algorithm, 'public', public_key,
    'sealed', encode(private_key, 'hex'), 'created_at', extract(epoch from created_at),
    'signs_from', extract(epoch from signs_from), 'retired_at', extract(epoch from retired_at)) order by signs_from, id)
  from howdah_auth.signing_keys
), '[]'))

-- lock --
select to_json(pg_advisory_xact_lock(7473, 3) is null)

-- add --
with made as (
  insert into howdah_auth.signing_keys (id, algorithm, public_key, private_key, signs_from)
  values ($1::text, $2::text, $3::jsonb, $4::bytea, now() + make_interval(secs => $5::double precision))
  returning id
)
select to_json(id) from made

-- retire --
with done as (
  update howdah_auth.signing_keys set private_key = null, retired_at = now()
  where id = any(array(select json_array_elements_text($1::json))) and retired_at is null
  returning id
)
select to_json(count(*)) from done
