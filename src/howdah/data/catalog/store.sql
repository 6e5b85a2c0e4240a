-- read --
select json_build_object('version', version, 'source', source, 'document', document) from howdah.metadata

-- read_locked --
select json_build_object('version', version, 'source', source, 'document', document) from howdah.metadata for update

-- read_version --
select to_json(version) from howdah.metadata

-- read_version_locked --
select to_json(version) from howdah.metadata for update

-- write --
with written as (
  update howdah.metadata set version = version + 1, document = $1::json, source = $2::text, changed_at = now()
  where version = $3::bigint
  returning version
)
select to_json(version) from written, pg_notify('howdah_metadata', version::text)
