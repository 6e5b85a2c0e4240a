-- applied --
select coalesce(json_agg(json_build_array(version, name, checksum) order by version), '[]') from howdah.migrations

-- applied_seeds --
select coalesce(json_agg(name order by name), '[]') from howdah.seeds

-- record --
insert into howdah.migrations (version, name, checksum) values ($1::bigint, $2::text, $3::text) returning 'true'

-- record_seed --
insert into howdah.seeds (name, checksum) values ($1::text, $2::text) returning 'true'

-- announce --
with changed as (update howdah.metadata set version = version + 1 returning version)
select to_json(version) from changed, pg_notify('howdah_metadata', version::text)

-- transaction --
select to_json(pg_current_xact_id()::text)
