-- is_installed --
select to_json(to_regclass('howdah.migrations') is not null)

-- applied --
-- By way of JSON, because a database that an older howdah made has no column for the time yet.
select coalesce(json_agg(json_build_array(
  version, name, checksum,
  to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  to_json(m) -> 'milliseconds'
) order by version), '[]')
from howdah.migrations m

-- applied_seeds --
select coalesce(json_agg(name order by name), '[]') from howdah.seeds

-- record --
insert into howdah.migrations (version, name, checksum, milliseconds)
values ($1::bigint, $2::text, $3::text, $4::double precision)
returning 'true'

-- forget --
delete from howdah.migrations where version = $1::bigint returning 'true'

-- record_seed --
insert into howdah.seeds (name, checksum) values ($1::text, $2::text) returning 'true'

-- announce --
with changed as (update howdah.metadata set version = version + 1 returning version)
select to_json(version) from changed, pg_notify('howdah_metadata', version::text)

-- transaction --
select to_json(pg_current_xact_id()::text)
