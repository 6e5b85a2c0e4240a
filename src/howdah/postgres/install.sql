-- is_installed --
select to_json(to_regclass('howdah.installation') is not null)

-- installed_version --
select to_json(version) from howdah.installation

-- install --
create schema if not exists howdah;
comment on schema howdah is 'Belongs to howdah: metadata, migrations, seeds. Not a place for tables of yours.';

create table if not exists howdah.installation (
  only_row boolean primary key default true check (only_row),
  version integer not null
);

create table if not exists howdah.metadata (
  only_row boolean primary key default true check (only_row),
  version bigint not null,
  document json not null,
  source text,
  changed_at timestamptz not null default now()
);
comment on column howdah.metadata.document is 'Everything but the tables.';
comment on column howdah.metadata.source is 'Hash of the files that were taken over last; calls may have changed the document since.';
alter table howdah.metadata add column if not exists taken text;
comment on column howdah.metadata.taken is 'Hash of what those files said: where it is another now, calls have changed it.';
insert into howdah.metadata (version, document) values (0, '{}') on conflict do nothing;

-- A row for each table that is or was tracked, with the version that it was written with: so a process that knows an
-- earlier version reads what is new, and no more.
create table if not exists howdah.metadata_tables (
  schema text not null,
  name text not null,
  version bigint not null,
  document json,
  primary key (schema, name)
);
comment on column howdah.metadata_tables.document is 'As an export has it; null when the table is tracked no longer.';
create index if not exists metadata_tables_version on howdah.metadata_tables (version);

-- Until version 2 the document had all tables in it.
insert into howdah.metadata_tables (schema, name, version, document)
select schema, name, version, document
from (
  select
    case json_typeof(t.document -> 'table') when 'object' then coalesce(t.document #>> '{table,schema}', 'public')
      else 'public' end,
    case json_typeof(t.document -> 'table') when 'object' then t.document #>> '{table,name}'
      else t.document ->> 'table' end,
    m.version, t.document
  from howdah.metadata m, json_array_elements(m.document -> 'tables') as t (document)
  where json_typeof(m.document -> 'tables') = 'array'
) as listed (schema, name, version, document)
where name is not null
on conflict do nothing;
update howdah.metadata set document = '{}' where document -> 'tables' is not null;

create table if not exists howdah.migrations (
  version bigint primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp()
);

alter table howdah.migrations add column if not exists milliseconds double precision;

create table if not exists howdah.seeds (
  name text primary key,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp()
);

-- Statements call this for a row that a permission's check refuses. Volatile, so that no plan evaluates it beforehand.
create or replace function howdah.check_violation() returns boolean language plpgsql volatile as $body$
begin
  raise exception 'check constraint of an insert/update permission has failed' using errcode = 'HW001';
end
$body$;

-- The role exists, owns nothing, cannot log in or bypass row level security, and this session may assume it; or why not.
create or replace function howdah.prepare_role(role_name text) returns json language plpgsql as $body$
declare
  previous text := current_setting('role');
  problem text;
begin
  if not exists (select from pg_roles where rolname = role_name) then
    begin
      execute format('create role %I nologin noinherit', role_name);
    exception
      when insufficient_privilege then
        return json_build_object('role', null, 'problem',
          format('user "%s" may not create role "%s"', session_user, role_name));
      when duplicate_object or unique_violation then
        null;  -- another database's installer of the same moment
    end;
  end if;
  if exists (select from pg_roles where rolname = role_name and (rolsuper or rolbypassrls or rolcanlogin)) then
    begin
      execute format('alter role %I nosuperuser nobypassrls nologin', role_name);
    exception when insufficient_privilege then
      return json_build_object('role', null, 'problem',
        format('role "%s" may log in or bypass row level security, and user "%s" may not change that',
          role_name, session_user));
    end;
  end if;
  begin
    perform set_config('role', role_name, true);
    perform set_config('role', previous, true);
  exception when insufficient_privilege then
    begin
      execute format('grant %I to %I', role_name, session_user);
      perform set_config('role', role_name, true);
      perform set_config('role', previous, true);
    exception when insufficient_privilege then
      return json_build_object('role', null, 'problem',
        format('user "%s" may not act as role "%s"', session_user, role_name));
    end;
  end;
  if not has_schema_privilege(role_name, 'howdah', 'usage') then
    execute format('grant usage on schema howdah to %I', role_name);
  end if;
  if exists (
    select from pg_shdepend
    where refclassid = 'pg_authid'::regclass and deptype = 'o'
      and refobjid = (select oid from pg_roles where rolname = role_name)
  ) then
    problem := format('role "%s" owns something, and no permission of the database holds for what it owns', role_name);
  end if;
  return json_build_object('role', role_name, 'problem', problem);
end
$body$;

-- The role may use the tracked tables, their sequences and the schemas of both, and where these are all there are,
-- nothing else; what could not be granted.
drop function if exists howdah.share_tables(text, json);
create or replace function howdah.share_tables(role_name text, tracked json, are_all boolean)
returns json language plpgsql as $body$
declare
  role_id oid := (select oid from pg_roles where rolname = role_name);
  tables oid[];
  written oid[];
  sequences oid[];
  schemas oid[];
  item record;
  refused text[] := '{}';
begin
  select coalesce(array_agg(c.oid), '{}') into tables
  from json_to_recordset(tracked) as t (schema text, name text)
  join pg_namespace n on n.nspname = t.schema
  join pg_class c on c.relnamespace = n.oid and c.relname = t.name and c.relkind in ('r', 'p', 'v', 'm', 'f');

  -- Who inserts through a view takes the defaults of the table behind it.
  with recursive behind (id) as (
    select c.oid from pg_class c
    where c.oid = any (tables) and c.relkind = 'v' and pg_relation_is_updatable(c.oid, false) & 8 <> 0
    union
    select d.refobjid
    from behind b
    join pg_rewrite r on r.ev_class = b.id
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
  )
  select tables || array_agg(id) into written from behind;

  -- A sequence belongs to a column (serial), or a column's default calls it.
  select coalesce(array_agg(s.oid), '{}') into sequences
  from (
    select d.objid
    from pg_depend d
    where d.refclassid = 'pg_class'::regclass and d.refobjid = any (written)
      and d.classid = 'pg_class'::regclass and d.deptype = 'a'
    union
    select d.refobjid
    from pg_attrdef a join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid
    where a.adrelid = any (written) and d.refclassid = 'pg_class'::regclass
  ) as used (id)
  join pg_class s on s.oid = used.id and s.relkind = 'S';

  select coalesce(array_agg(distinct id), '{}') into schemas
  from (
    select relnamespace from pg_class where oid = any (tables) or oid = any (sequences)
    union
    select unnest(array[t.typnamespace, e.typnamespace])
    from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem
    where a.attrelid = any (tables) and a.attnum > 0 and not a.attisdropped
  ) as used (id)
  join pg_namespace n on n.oid = used.id
  where n.nspname not like 'pg\_%';

  for item in
    select distinct c.oid, c.relkind
    from pg_class c, aclexplode(c.relacl) a
    where are_all and a.grantee = role_id and c.oid <> all (tables) and c.oid <> all (sequences)
      and c.relnamespace <> 'howdah'::regnamespace
  loop
    begin
      execute format('revoke all on %s %s from %I',
        case item.relkind when 'S' then 'sequence' else 'table' end, item.oid::regclass, role_name);
    exception when insufficient_privilege then
      refused := refused || format('revoke on %s', item.oid::regclass);
    end;
  end loop;

  for item in
    select n.oid from pg_namespace n, aclexplode(n.nspacl) a
    where are_all and a.grantee = role_id and n.oid <> all (schemas) and n.oid <> 'howdah'::regnamespace
  loop
    begin
      execute format('revoke all on schema %s from %I', item.oid::regnamespace, role_name);
    exception when insufficient_privilege then
      refused := refused || format('revoke on schema %s', item.oid::regnamespace);
    end;
  end loop;

  for item in
    select 1 as step, 'usage on schema ' || id::regnamespace as privilege
    from unnest(schemas) as id where not has_schema_privilege(role_id, id, 'usage')
    union all
    select 2, 'select, insert, update, delete on table ' || id::regclass
    from unnest(tables) as id
    where not (has_table_privilege(role_id, id, 'select') and has_table_privilege(role_id, id, 'insert')
      and has_table_privilege(role_id, id, 'update') and has_table_privilege(role_id, id, 'delete'))
    union all
    select 3, 'usage on sequence ' || id::regclass
    from unnest(sequences) as id where not has_sequence_privilege(role_id, id, 'usage')
    order by step
  loop
    begin
      execute format('grant %s to %I', item.privilege, role_name);
    exception when insufficient_privilege then
      refused := refused || item.privilege;
    end;
  end loop;
  return to_json(refused);
end
$body$;

-- The role may call exactly the functions of these names, and use the schemas of theirs and their types; what could not
-- be granted. Where everybody may call a function, which is Postgres's default, there is nothing to grant.
create or replace function howdah.share_functions(role_name text, tracked json) returns json language plpgsql as $body$
declare
  role_id oid := (select oid from pg_roles where rolname = role_name);
  functions oid[];
  item record;
  refused text[] := '{}';
begin
  select coalesce(array_agg(p.oid), '{}') into functions
  from json_to_recordset(tracked) as t (schema text, name text)
  join pg_namespace n on n.nspname = t.schema
  join pg_proc p on p.pronamespace = n.oid and p.proname = t.name and p.prokind = 'f';

  for item in
    select p.oid from pg_proc p, aclexplode(p.proacl) a
    where a.grantee = role_id and p.oid <> all (functions) and p.pronamespace <> 'howdah'::regnamespace
  loop
    begin
      execute format('revoke all on function %s from %I', item.oid::regprocedure, role_name);
    exception when insufficient_privilege then
      refused := refused || format('revoke on function %s', item.oid::regprocedure);
    end;
  end loop;

  for item in
    select 1 as step, 'usage on schema ' || n.oid::regnamespace as privilege
    from pg_namespace n
    where not has_schema_privilege(role_id, n.oid, 'usage') and n.oid in (
      select pronamespace from pg_proc where oid = any (functions)
      union
      select t.typnamespace
      from pg_proc p join pg_type t on t.oid = any (p.proargtypes::oid[] || p.prorettype)
      where p.oid = any (functions)
    )
    union all
    select 2, 'execute on function ' || id::regprocedure
    from unnest(functions) as id where not has_function_privilege(role_id, id, 'execute')
    order by step
  loop
    begin
      execute format('grant %s to %I', item.privilege, role_name);
    exception when insufficient_privilege then
      refused := refused || item.privilege;
    end;
  end loop;
  return to_json(refused);
end
$body$;

-- A user of the schema's name would find this schema first, by "$user", and make tables in it: services, psql, anybody.
do $$
begin
  if session_user = 'howdah' then
    execute format('alter role howdah in database %I set search_path = public', current_database());
  end if;
end
$$;

insert into howdah.installation (version) values (5)
on conflict (only_row) do update set version = greatest(howdah.installation.version, excluded.version);

-- prepare_role --
select howdah.prepare_role($1::text)

-- share_tables --
select howdah.share_tables($1::text, $2::json, $3::boolean)

-- share_functions --
select howdah.share_functions($1::text, $2::json)

-- database --
select to_json(current_database())
