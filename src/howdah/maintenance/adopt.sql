-- found --
-- What another tool left in the database, and what is not to be tracked: partitions, and what belongs to an extension.
select json_build_object(
  'user', current_user,
  'hasura_migrations', to_regclass('hdb_catalog.schema_migrations') is not null,
  'hasura_tables', to_regclass('hdb_catalog.hdb_table') is not null,
  'hasura_metadata', to_regclass('hdb_catalog.hdb_metadata') is not null,
  'alembic', to_regclass('alembic_version') is not null,
  'untracked', (
    select coalesce(json_agg(json_build_array(n.nspname, c.relname)), '[]')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relispartition or n.nspname in ('hdb_catalog', 'hdb_views')
      or (n.nspname, c.relname) = ('public', 'alembic_version')
      or exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
  )
)

-- alembic_version --
select coalesce(json_agg(version_num order by version_num), '[]') from alembic_version

-- hasura_migrations --
select coalesce(json_agg(version::text order by version), '[]') from hdb_catalog.schema_migrations

-- hasura_metadata --
select metadata from hdb_catalog.hdb_metadata limit 1

-- hasura_tables --
-- The catalogue of Hasura 0.15 and 1 as the document that its export_metadata gave.
with relationships as (
  select table_schema, table_name, rel_type, json_agg(json_strip_nulls(json_build_object(
    'name', rel_name, 'using', rel_def, 'comment', comment)) order by rel_name) as listed
  from hdb_catalog.hdb_relationship
  group by 1, 2, 3
),
permissions as (
  select table_schema, table_name, perm_type, json_agg(json_build_object(
    'role', role_name, 'permission', perm_def, 'comment', comment) order by role_name) as listed
  from hdb_catalog.hdb_permission
  group by 1, 2, 3
)
select json_build_object('tables', coalesce(json_agg(json_build_object(
  'table', json_build_object('schema', t.table_schema, 'name', t.table_name),
  'object_relationships', coalesce((select listed from relationships r
    where (r.table_schema, r.table_name, rel_type) = (t.table_schema, t.table_name, 'object')), '[]'),
  'array_relationships', coalesce((select listed from relationships r
    where (r.table_schema, r.table_name, rel_type) = (t.table_schema, t.table_name, 'array')), '[]'),
  'insert_permissions', coalesce((select listed from permissions p
    where (p.table_schema, p.table_name, perm_type) = (t.table_schema, t.table_name, 'insert')), '[]'),
  'select_permissions', coalesce((select listed from permissions p
    where (p.table_schema, p.table_name, perm_type) = (t.table_schema, t.table_name, 'select')), '[]'),
  'update_permissions', coalesce((select listed from permissions p
    where (p.table_schema, p.table_name, perm_type) = (t.table_schema, t.table_name, 'update')), '[]'),
  'delete_permissions', coalesce((select listed from permissions p
    where (p.table_schema, p.table_name, perm_type) = (t.table_schema, t.table_name, 'delete')), '[]')
)), '[]'))
from hdb_catalog.hdb_table t
where not is_system_defined and table_schema not in ('hdb_catalog', 'hdb_views')
