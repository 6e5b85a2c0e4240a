-- read --
select json_build_object(
  'history', 'howdah.metadata'::regclass::oid::bigint, 'version', m.version, 'source', m.source, 'document', m.document,
  'tables', (
    select coalesce(json_agg(t.document order by t.schema, t.name), '[]')
    from howdah.metadata_tables t where t.document is not null
  )
) from howdah.metadata m

-- read_changes --
select json_build_object(
  'history', 'howdah.metadata'::regclass::oid::bigint, 'version', m.version, 'source', m.source, 'document', m.document,
  'tables', (
    select coalesce(json_agg(t.document), '[]')
    from howdah.metadata_tables t where t.version > $1::bigint and t.document is not null
  ),
  'untracked', (
    select coalesce(json_agg(json_build_array(t.schema, t.name)), '[]')
    from howdah.metadata_tables t where t.version > $1::bigint and t.document is null
  )
) from howdah.metadata m

-- read_position --
select json_build_array('howdah.metadata'::regclass::oid::bigint, version) from howdah.metadata

-- read_taken --
select to_json(taken) from howdah.metadata

-- write_taken --
with written as (update howdah.metadata set taken = $1::text returning only_row) select to_json(only_row) from written

-- lock --
select to_json(version) from howdah.metadata for update

-- write --
with written as (
  update howdah.metadata set version = version + 1, document = $1::json, source = $2::text, changed_at = now()
  where version = $3::bigint
  returning version
),
tables as (
  insert into howdah.metadata_tables (schema, name, version, document)
  select t.schema, t.name, w.version, t.document
  from written w, json_to_recordset($4::json) as t (schema text, name text, document json)
  on conflict (schema, name) do update set version = excluded.version, document = excluded.document
)
select to_json(version) from written, pg_notify('howdah_metadata', version::text)
