-- prepare --
-- Names are printed with their schemas when no schema is searched, so that no setting of a role or database shows.
set transaction isolation level repeatable read, read only;
set local search_path = '';
set local quote_all_identifiers = off;
set local timezone = 'UTC';
set local datestyle = 'ISO';
set local intervalstyle = 'postgres';
set local extra_float_digits = 3;
set local bytea_output = 'hex'

-- snapshot --
-- Everything in the database that migrations can make, as [kind, name, name of the relation it belongs to, facets].
-- Left out: Postgres's own, howdah's own and Hasura's own schemas, what belongs to an extension, what the API's role was
-- granted, and what Postgres makes by itself for something that is listed (indexes of keys, triggers of constraints, …).
-- And the schema of a service that changes it with Alembic, as its own table of versions says (howdah.kit.orm).
with namespaces as (
  select oid, nspname, nspowner, nspacl
  from pg_namespace
  where nspname not like 'pg\_%' and nspname not in ('information_schema', 'howdah', 'howdah_auth', 'howdah_tasks', 'hdb_catalog', 'hdb_views')
    and (nspname = 'public' or not exists (
      select from pg_class v where v.relnamespace = pg_namespace.oid and v.relname like 'alembic\_version\_%'
    ))
),
-- Who migrates owns what migrations make: on another server that is another user, and no difference.
migrator as (
  select coalesce(
    (select nspowner from pg_namespace where nspname = 'howdah'),
    (select datdba from pg_database where datname = current_database())
  ) as owner_id
),
extended as (
  select classid, objid from pg_depend where deptype = 'e'
),
relations as (
  select c.*, format('%I.%I', n.nspname, c.relname) as name,
    case c.relkind
      when 'r' then 'table' when 'p' then 'table' when 'f' then 'foreign table' when 'v' then 'view'
      when 'm' then 'materialized view' when 'S' then 'sequence' when 'c' then 'type' else 'index'
    end as kind
  from pg_class c
  join namespaces n on n.oid = c.relnamespace
  where not exists (select from extended e where e.classid = 'pg_class'::regclass and e.objid = c.oid)
),
objects (class, id, part, kind, name, parent, owner, acl, usual_acl, facets) as (
  select 'pg_namespace'::regclass, oid, 0, 'schema', format('%I', nspname), null, nspowner,
    nspacl, acldefault('n', nspowner), jsonb_build_object()
  from namespaces

  union all
  select 'pg_extension'::regclass, e.oid, 0, 'extension', format('%I', e.extname), null, null, null, null,
    jsonb_build_object('schema', n.nspname)
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace

  union all
  select 'pg_language'::regclass, l.oid, 0, 'language', format('%I', lanname), null, lanowner,
    lanacl, acldefault('l', lanowner),
    jsonb_build_object('handler', lanplcallfoid::regproc, 'trusted', lanpltrusted)
  from pg_language l where l.oid >= 16384

  union all
  select 'pg_type'::regclass, t.oid, 0, case typtype when 'd' then 'domain' else 'type' end,
    format('%I.%I', n.nspname, typname), null, typowner, typacl, acldefault('T', typowner),
    case typtype
      when 'e' then jsonb_build_object('definition', (
        select 'enum (' || string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) || ')'
        from pg_enum where enumtypid = t.oid
      ))
      when 'd' then jsonb_build_object(
        'type', format_type(typbasetype, typtypmod),
        'collation', (select c.oid::regcollation from pg_collation c, pg_type b
          where c.oid = t.typcollation and b.oid = t.typbasetype and t.typcollation <> b.typcollation),
        'default', coalesce(pg_get_expr(typdefaultbin, 0), typdefault),
        'not null', typnotnull
      ) || coalesce((
        select jsonb_object_agg('constraint ' || conname, pg_get_constraintdef(c.oid))
        from pg_constraint c where c.contypid = t.oid and contype = 'c'
      ), '{}')
      when 'c' then jsonb_build_object('definition', (
        select 'composite (' || coalesce(string_agg(
          format('%I %s', attname, format_type(atttypid, atttypmod)) || case
            when attcollation <> (select b.typcollation from pg_type b where b.oid = atttypid)
            then ' collate ' || attcollation::regcollation else '' end,
          ', ' order by attnum), '') || ')'
        from pg_attribute where attrelid = t.typrelid and attnum > 0 and not attisdropped
      ))
      when 'r' then (
        select jsonb_build_object('definition', format('range of %s', format_type(rngsubtype, null)),
          'operator class', (select opcname from pg_opclass o where o.oid = rngsubopc),
          'collation', nullif(rngcollation, 0)::regcollation,
          'canonical', nullif(rngcanonical::oid, 0)::regproc, 'difference', nullif(rngsubdiff::oid, 0)::regproc)
        from pg_range where rngtypid = t.oid
      )
      else jsonb_build_object('definition', format('base type (%s, %s), length %s', typinput, typoutput, typlen))
    end
  from pg_type t
  join namespaces n on n.oid = typnamespace
  left join pg_class c on c.oid = typrelid
  where typtype in ('e', 'd', 'c', 'r', 'b') and (typrelid = 0 or c.relkind = 'c')
    and not exists (select from pg_type a where a.typarray = t.oid)

  union all
  select 'pg_class'::regclass, c.oid, 0, kind, name, null, relowner, relacl, acldefault('r', relowner),
    jsonb_build_object(
      'definition', case when relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
      'persistence', case relpersistence when 'u' then 'unlogged' when 't' then 'temporary' end,
      'partitioned by', pg_get_partkeydef(c.oid),
      'partition of', (select format('%s %s', inhparent::regclass, pg_get_expr(c.relpartbound, c.oid))
        from pg_inherits where inhrelid = c.oid and c.relispartition),
      'inherits', (select string_agg(inhparent::regclass::text, ', ' order by inhseqno)
        from pg_inherits where inhrelid = c.oid and not c.relispartition),
      'row level security', case when relrowsecurity then 'enabled' end || case when relforcerowsecurity then ', forced' else '' end,
      'force row level security', case when relforcerowsecurity and not relrowsecurity then 'forced, but not enabled' end,
      'replica identity', case relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then (
        select i.indexrelid::regclass::text from pg_index i where i.indrelid = c.oid and i.indisreplident) end,
      'options', (select string_agg(option, ', ' order by option) from unnest(reloptions) as option),
      'tablespace', (select spcname from pg_tablespace s where s.oid = reltablespace),
      'access method', (select amname from pg_am a where a.oid = relam and amname <> 'heap'),
      'of type', nullif(reloftype, 0)::regtype,
      'server', (select srvname from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver where ftrelid = c.oid),
      'foreign options', (select array_to_string(ftoptions, ', ') from pg_foreign_table f where ftrelid = c.oid)
    )
  from relations c
  where relkind in ('r', 'p', 'f', 'v', 'm')

  union all
  select 'pg_class'::regclass, c.oid, attnum, 'column', format('%s.%I', c.name, attname), c.name, null, attacl, null,
    jsonb_build_object(
      'type', format_type(atttypid, atttypmod),
      'collation', case when attcollation <> t.typcollation then attcollation::regcollation::text end,
      'not null', attnotnull,
      'default', case when attgenerated = '' then pg_get_expr(adbin, adrelid) end,
      'generated', case when attgenerated <> '' then pg_get_expr(adbin, adrelid) || case attgenerated when 'v' then ' virtual' else ' stored' end end,
      'identity', case attidentity when 'a' then 'always' when 'd' then 'by default' end,
      'storage', case when attstorage <> t.typstorage then attstorage end,
      'compression', nullif(attcompression, ''),
      'statistics', case when (to_jsonb(a) ->> 'attstattarget')::integer >= 0 then to_jsonb(a) ->> 'attstattarget' end,
      'options', array_to_string(attoptions, ', '),
      'foreign options', array_to_string(attfdwoptions, ', ')
    )
  from relations c
  join pg_attribute a on a.attrelid = c.oid
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where relkind in ('r', 'p', 'f', 'v', 'm') and attnum > 0 and not attisdropped

  union all
  -- Of a foreign key of a partitioned table those for each partition are left out: Postgres makes and names them.
  select 'pg_constraint'::regclass, k.oid, 0, 'constraint', format('%s.%I', c.name, conname), c.name, null, null, null,
    jsonb_build_object('definition', pg_get_constraintdef(k.oid))
  from pg_constraint k join relations c on c.oid = conrelid
  where contype in ('c', 'f', 'p', 'u', 'x') and conparentid = 0

  union all
  select 'pg_class'::regclass, i.oid, 0, 'index', i.name, c.name, null, null, null,
    jsonb_build_object(
      'definition', pg_get_indexdef(i.oid),
      'valid', case when not indisvalid then false end,
      'clustered', case when indisclustered then true end
    )
  from relations i join pg_index x on x.indexrelid = i.oid join relations c on c.oid = indrelid
  where i.relkind in ('i', 'I') and not i.relispartition
    and not exists (select from pg_constraint where conindid = i.oid and contype in ('p', 'u', 'x'))

  union all
  select 'pg_class'::regclass, c.oid, 0, 'sequence', c.name, owned.by, relowner,
    relacl, acldefault('s', relowner),
    jsonb_build_object('type', format_type(seqtypid, null), 'start', seqstart, 'increment', seqincrement,
      'minimum', seqmin, 'maximum', seqmax, 'cache', seqcache, 'cycle', seqcycle, 'owned by', owned.column_name,
      'persistence', case relpersistence when 'u' then 'unlogged' end)
  from relations c join pg_sequence s on s.seqrelid = c.oid
  left join lateral (
    select t.name as by, format('%s.%I', t.name, attname) as column_name
    from pg_depend d join relations t on t.oid = d.refobjid
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
      and d.deptype in ('a', 'i')
  ) as owned on true

  union all
  select 'pg_proc'::regclass, p.oid, 0,
    case prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    format('%I.%I(%s)', n.nspname, proname, pg_get_function_identity_arguments(p.oid)), null, proowner,
    proacl, acldefault('f', proowner),
    jsonb_build_object(
      'definition', case when prokind <> 'a' then pg_get_functiondef(p.oid) else (
        select concat_ws(E'\n', 'state function ' || aggtransfn, 'state ' || format_type(aggtranstype, null),
          'final function ' || nullif(aggfinalfn::oid, 0)::regproc, 'combine function ' || nullif(aggcombinefn::oid, 0)::regproc,
          'serial function ' || nullif(aggserialfn::oid, 0)::regproc, 'moving function ' || nullif(aggmtransfn::oid, 0)::regproc,
          'initial ' || agginitval, 'sort operator ' || nullif(aggsortop, 0)::regoperator, 'kind ' || aggkind::text)
        from pg_aggregate where aggfnoid = p.oid
      ) end,
      'returns', case when prokind = 'a' then pg_get_function_result(p.oid) end,
      'parallel', case when prokind = 'a' then proparallel end
    )
  from pg_proc p join namespaces n on n.oid = pronamespace
  where not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'i')

  union all
  select 'pg_trigger'::regclass, g.oid, 0, 'trigger', format('%s.%I', c.name, tgname), c.name, null, null, null,
    jsonb_build_object('definition', pg_get_triggerdef(g.oid),
      'enabled', case tgenabled when 'D' then 'no' when 'R' then 'replica' when 'A' then 'always' end)
  from pg_trigger g join relations c on c.oid = tgrelid
  where not tgisinternal and tgparentid = 0
    -- What calls a function of Hasura's is Hasura's, too; row events are metadata's.
    and not exists (
      select from pg_proc f join pg_namespace n on n.oid = f.pronamespace
      where f.oid = tgfoid and n.nspname in ('hdb_catalog', 'hdb_views', 'howdah_tasks')
    )

  union all
  select 'pg_rewrite'::regclass, r.oid, 0, 'rule', format('%s.%I', c.name, rulename), c.name, null, null, null,
    jsonb_build_object('definition', pg_get_ruledef(r.oid),
      'enabled', case ev_enabled when 'D' then 'no' when 'R' then 'replica' when 'A' then 'always' end)
  from pg_rewrite r join relations c on c.oid = ev_class
  where rulename <> '_RETURN'

  union all
  select 'pg_policy'::regclass, p.oid, 0, 'policy', format('%s.%I', c.name, polname), c.name, null, null, null,
    jsonb_build_object(
      'command', case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      'permissive', polpermissive,
      'roles', (select string_agg(case when id = 0 then 'public' else quote_ident(pg_get_userbyid(id)) end, ', '
        order by pg_get_userbyid(id)) from unnest(polroles) as id),
      'using', pg_get_expr(polqual, polrelid), 'check', pg_get_expr(polwithcheck, polrelid))
  from pg_policy p join relations c on c.oid = polrelid

  union all
  select 'pg_event_trigger'::regclass, e.oid, 0, 'event trigger', format('%I', evtname), null, evtowner, null, null,
    jsonb_build_object('event', evtevent, 'function', evtfoid::regproc, 'tags', array_to_string(evttags, ', '),
      'enabled', case evtenabled when 'D' then 'no' when 'R' then 'replica' when 'A' then 'always' end)
  from pg_event_trigger e

  union all
  select 'pg_collation'::regclass, c.oid, 0, 'collation', format('%I.%I', n.nspname, collname), null, collowner, null, null,
    to_jsonb(c) - array['oid', 'collname', 'collnamespace', 'collowner', 'collversion', 'collencoding']
  from pg_collation c join namespaces n on n.oid = collnamespace

  union all
  select 'pg_statistic_ext'::regclass, s.oid, 0, 'statistics', format('%I.%I', n.nspname, stxname), stxrelid::regclass::text,
    stxowner, null, null, jsonb_build_object('definition', pg_get_statisticsobjdef(s.oid))
  from pg_statistic_ext s join namespaces n on n.oid = stxnamespace

  union all
  select 'pg_operator'::regclass, o.oid, 0, 'operator', o.oid::regoperator::text, null, oprowner, null, null,
    jsonb_build_object('function', oprcode, 'result', format_type(oprresult, null), 'hashes', oprcanhash, 'merges', oprcanmerge,
      'commutator', nullif(oprcom, 0)::regoperator, 'negator', nullif(oprnegate, 0)::regoperator,
      'restriction', nullif(oprrest::oid, 0)::regproc, 'join', nullif(oprjoin::oid, 0)::regproc)
  from pg_operator o join namespaces n on n.oid = oprnamespace

  union all
  select 'pg_opclass'::regclass, o.oid, 0, 'operator class', format('%I.%I using %I', n.nspname, opcname, amname), null,
    opcowner, null, null,
    jsonb_build_object('type', format_type(opcintype, null), 'default', opcdefault,
      'operators', (select string_agg(format('%s %s', amopstrategy, amopopr::regoperator), ', ' order by amopstrategy, amopopr::regoperator::text)
        from pg_amop where amopfamily = opcfamily),
      'functions', (select string_agg(format('%s %s', amprocnum, amproc::regprocedure), ', ' order by amprocnum, amproc::regprocedure::text)
        from pg_amproc where amprocfamily = opcfamily))
  from pg_opclass o join namespaces n on n.oid = opcnamespace join pg_am a on a.oid = opcmethod

  union all
  select 'pg_cast'::regclass, c.oid, 0, 'cast', format('%s as %s', format_type(castsource, null), format_type(casttarget, null)),
    null, null, null, null,
    jsonb_build_object('function', nullif(castfunc, 0)::regprocedure, 'context', castcontext, 'method', castmethod)
  from pg_cast c
  where c.oid >= 16384
    and not exists (select from pg_depend where classid = 'pg_cast'::regclass and objid = c.oid and deptype = 'i')

  union all
  select 'pg_ts_config'::regclass, c.oid, 0, 'text search configuration', format('%I.%I', n.nspname, cfgname), null, cfgowner,
    null, null,
    jsonb_build_object('parser', prsname, 'mapping', (
      select string_agg(format('%s: %s', tokens.alias, mapdict::regdictionary), ', ' order by maptokentype, mapseqno)
      from pg_ts_config_map m, ts_token_type(cfgparser) as tokens
      where mapcfg = c.oid and tokens.tokid = maptokentype
    ))
  from pg_ts_config c join namespaces n on n.oid = cfgnamespace join pg_ts_parser p on p.oid = cfgparser

  union all
  select 'pg_ts_dict'::regclass, d.oid, 0, 'text search dictionary', format('%I.%I', n.nspname, dictname), null, dictowner, null, null,
    jsonb_build_object('template', tmplname, 'options', dictinitoption)
  from pg_ts_dict d join namespaces n on n.oid = dictnamespace join pg_ts_template t on t.oid = dicttemplate

  union all
  select 'pg_foreign_data_wrapper'::regclass, f.oid, 0, 'foreign data wrapper', format('%I', fdwname), null, fdwowner,
    fdwacl, acldefault('F', fdwowner),
    jsonb_build_object('handler', nullif(fdwhandler, 0)::regproc, 'validator', nullif(fdwvalidator, 0)::regproc)
  from pg_foreign_data_wrapper f

  union all
  -- Options of servers say where something is, which differs from place to place and may be secret.
  select 'pg_foreign_server'::regclass, s.oid, 0, 'foreign server', format('%I', srvname), null, srvowner,
    srvacl, acldefault('S', srvowner),
    jsonb_build_object('wrapper', fdwname, 'type', srvtype, 'version', srvversion)
  from pg_foreign_server s join pg_foreign_data_wrapper f on f.oid = srvfdw

  union all
  select 'pg_publication'::regclass, p.oid, 0, 'publication', format('%I', pubname), null, pubowner, null, null,
    (to_jsonb(p) - array['oid', 'pubname', 'pubowner']) || jsonb_build_object('tables', (
      select string_agg(format('%I.%I', schemaname, tablename), ', ' order by schemaname, tablename)
      from pg_publication_tables t where t.pubname = p.pubname and not puballtables
    ))
  from pg_publication p

  union all
  select 'pg_default_acl'::regclass, d.oid, 0, 'default privileges',
    concat_ws(' ', case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
      when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end,
      'in schema ' || quote_ident(n.nspname),
      'made by ' || case when defaclrole = migrator.owner_id then 'who migrates' else quote_ident(pg_get_userbyid(defaclrole)) end),
    null, null, defaclacl, null, jsonb_build_object()
  from migrator, pg_default_acl d left join pg_namespace n on n.oid = defaclnamespace
),
granted as (
  -- Only what is not as it usually is: what an owner may do by itself differs from version to version.
  select class, id, part, jsonb_object_agg('granted to ' || grantee, coalesce(given, 'nothing')) as facets
  from (
    select class, id, part,
      case when a.grantee = 0 then 'public' when a.grantee = migrator.owner_id then 'who migrates'
        else quote_ident(pg_get_userbyid(a.grantee)) end as grantee,
      string_agg(privilege, ', ' order by privilege) filter (where not usual) as given,
      string_agg(privilege, ', ' order by privilege) filter (where usual) as usually_given
    from migrator, (
      select o.class, o.id, o.part, false as usual, e.* from objects o, aclexplode(coalesce(acl, usual_acl)) as e
      union all
      select o.class, o.id, o.part, true, e.* from objects o, aclexplode(usual_acl) as e
    ) as a,
    lateral (select a.privilege_type || case when a.is_grantable then ' with grant option' else '' end) as p (privilege)
    where pg_get_userbyid(a.grantee) not like 'howdah\_api\_%'
    group by 1, 2, 3, 4
  ) as grants
  where given is distinct from usually_given
  group by 1, 2, 3
)
select coalesce(json_agg(json_build_array(kind, name, parent, jsonb_strip_nulls(
  o.facets
  || coalesce(g.facets, '{}')
  || jsonb_build_object(
    'owner', case when owner <> migrator.owner_id then quote_ident(pg_get_userbyid(owner)) end,
    'comment', case when kind not in ('extension', 'language') then description end
  )
)) order by kind, name), '[]')
from migrator, objects o
left join granted g on (g.class, g.id, g.part) = (o.class, o.id, o.part)
left join pg_description d on (d.classoid, d.objoid, d.objsubid) = (o.class::oid, o.id, o.part)
where not exists (select from extended e where e.classid = o.class and e.objid = o.id)
