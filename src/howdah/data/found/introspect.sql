-- marks --
-- One number for each relation, which is another one as soon as anything about it is: where its rows of the catalogue are
-- and which transaction wrote them. Reading these is a fraction of reading the relations.
with parts as (
  select attrelid as oid, hashtidextended(ctid, xmin::text::bigint) as mark
  from pg_attribute
  where attrelid >= 16384 and attnum > 0
  union all
  select adrelid, hashtidextended(ctid, xmin::text::bigint) # 3
  from pg_attrdef
  union all
  select i.indrelid, hashtidextended(i.ctid, i.xmin::text::bigint) # hashtidextended(c.ctid, c.xmin::text::bigint)
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  where i.indrelid >= 16384 and i.indisunique
  union all
  select conrelid, hashtidextended(ctid, xmin::text::bigint) # 4
  from pg_constraint
  where contype = 'f'
  union all
  select objoid, hashtidextended(ctid, xmin::text::bigint) # 5
  from pg_description
  where classoid = 'pg_class'::regclass and objoid >= 16384
  union all
  -- Which columns of a view can be written is in its definition.
  select ev_class, hashtidextended(ctid, xmin::text::bigint) # 6
  from pg_rewrite
  where ev_class >= 16384
  union all
  select tgrelid, hashtidextended(ctid, xmin::text::bigint) # 7
  from pg_trigger
  where tgtype & 64 <> 0
),
marks as (
  select oid, bit_xor(mark) as mark from parts group by oid
)
select json_build_object(
  -- Types of the database's own are written elsewhere in the catalogue: they are few, and compared as they are.
  'types', (
    select json_agg(distinct oid::bigint)
    from (
      select atttypid from pg_attribute where attrelid >= 16384 and attnum > 0
      union
      select unnest(proargtypes::oid[] || prorettype) from pg_proc where oid >= 16384
    ) as used (oid)
    where oid >= 16384
  ),
  -- One number for all functions: they are read together.
  'functions', (
    select coalesce(bit_xor(hashtidextended(ctid, xmin::text::bigint)), 0) from pg_proc where oid >= 16384
  ) # (
    select coalesce(bit_xor(hashtidextended(ctid, xmin::text::bigint)), 0)
    from pg_description where classoid = 'pg_proc'::regclass and objoid >= 16384
  ) # (
    select bit_xor(hashtextextended(nspname, oid::bigint)) from pg_namespace
  ),
  'marks', (
    select json_agg(json_build_array(
      c.oid::bigint,
      hashtidextended(c.ctid, c.xmin::text::bigint) # hashtextextended(n.nspname, 1) # coalesce(m.mark, 0)
        -- What may be written to a view depends on relations and triggers beyond it.
        # case when c.relkind in ('v', 'f') then pg_relation_is_updatable(c.oid, true) else 0 end
    ))
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join marks m on m.oid = c.oid
    where (c.relkind in ('r', 'p', 'v', 'm') or c.relkind = 'f' and exists (
        -- One whose wrapper has no handler can be neither read nor asked about.
        select from pg_foreign_table ft
        join pg_foreign_server fs on fs.oid = ft.ftserver
        join pg_foreign_data_wrapper w on w.oid = fs.srvfdw
        where ft.ftrelid = c.oid and w.fdwhandler <> 0
      ))
      and n.nspname not like 'pg\_%' and n.nspname not in ('information_schema', 'howdah', 'howdah_auth', 'howdah_tasks')
  )
)

-- introspect --
with relations as materialized (
  select c.oid, n.nspname, c.relname, c.relkind, pg_relation_is_updatable(c.oid, true) as events
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = any ($1::oid[])
),
attributes as materialized (
  select a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated,
    -- What a trigger makes of a column is its own business.
    r.relkind = 'v' and r.events <> 0 and not pg_column_is_updatable(a.attrelid, a.attnum, false)
      and not exists (select from pg_trigger t where t.tgrelid = r.oid and t.tgtype & 64 <> 0) as is_expression
  from relations r
  join pg_attribute a on a.attrelid = r.oid
  where a.attnum > 0 and not a.attisdropped
),
columns as (
  select attrelid, json_agg(json_build_array(
      attname, attnum, atttypid::bigint, not attnotnull, atthasdef or attidentity <> '',
      attgenerated <> '' or attidentity = 'a' or is_expression
    ) order by attnum) as list
  from attributes
  group by attrelid
),
-- A partial index or one on expressions is no key; of a covering one only the key columns are.
unique_indexes as (
  select i.indrelid, json_agg(json_build_array(
      c.relname, i.indisprimary, (
        select json_agg(a.attname order by k.place)
        from unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where k.place <= i.indnkeyatts
      )
    ) order by not i.indisprimary, c.relname) as list
  from relations r
  join pg_index i on i.indrelid = r.oid
  join pg_class c on c.oid = i.indexrelid
  where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  group by i.indrelid
),
-- A key that refers to a partitioned table is repeated for each of its partitions: those are not the user's.
foreign_keys as (
  select f.conrelid, json_agg(json_build_array(
      f.conname, (
        select json_agg(a.attname order by k.place)
        from unnest(f.conkey) with ordinality as k (attnum, place)
        join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.attnum
      ), n.nspname, c.relname, (
        select json_agg(a.attname order by k.place)
        from unnest(f.confkey) with ordinality as k (attnum, place)
        join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.attnum
      )
    ) order by f.conname) as list
  from relations r
  join pg_constraint f on f.conrelid = r.oid and f.contype = 'f'
  join pg_class c on c.oid = f.confrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_constraint parent on parent.oid = f.conparentid and parent.conrelid = f.conrelid
  where parent.oid is null
  group by f.conrelid
)
select json_build_object(
  'comments', (
    select json_agg(json_build_array(d.objoid::bigint, d.objsubid, d.description))
    from relations r
    join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = r.oid
  ),
  'tables', (
    select json_agg(json_build_array(
      r.oid::bigint, r.nspname, r.relname, r.relkind, (r.events & 8) <> 0, (r.events & 4) <> 0, (r.events & 16) <> 0,
      c.list, u.list, f.list
    ))
    from relations r
    left join columns c on c.attrelid = r.oid
    left join unique_indexes u on u.indrelid = r.oid
    left join foreign_keys f on f.conrelid = r.oid
  )
)

-- functions --
with functions as materialized (
  select p.oid, n.nspname, p.proname, p.prorettype, p.proretset, p.provolatile = 'v' as volatile, p.proargnames,
    p.proargtypes::oid[] as types, p.pronargs - p.pronargdefaults as needed,
    case
      when p.provariadic <> 0 then 'variadic'
      when p.proargmodes is not null then 'outputs'
      when exists (
        select from pg_type t
        where t.oid = any (p.proargtypes::oid[] || p.prorettype) and t.typtype = 'p'
          and t.oid not in ('void'::regtype, 'record'::regtype)
      ) then 'polymorphic'
    end as oddity,
    obj_description(p.oid, 'pg_proc') as comment
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  where p.prokind = 'f' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and n.nspname not like 'pg\_%' and n.nspname not in ('information_schema', 'howdah', 'howdah_auth', 'howdah_tasks')
    and not exists (
      select from pg_depend d
      where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
)
select json_agg(json_build_array(
  f.oid::bigint, f.nspname, f.proname, (
    select json_agg(json_build_array(
      coalesce(f.proargnames[a.place], ''), t.oid::bigint, t.typrelid::bigint, a.place > f.needed
    ) order by a.place)
    from unnest(f.types) with ordinality as a (type, place)
    join pg_type t on t.oid = a.type
  ), t.oid::bigint, t.typrelid::bigint, f.proretset, f.volatile, f.oddity, f.comment
) order by f.oid)
from functions f
join pg_type t on t.oid = f.prorettype

-- types --
with recursive
-- A domain is written like the type at the bottom of it.
bases as (
  select t.oid, t.oid as base, t.typbasetype as next
  from pg_type t
  where t.oid = any ($1::oid[])
  union all
  select b.oid, t.oid, t.typbasetype
  from bases b
  join pg_type t on t.oid = b.next
),
types as (
  select b.oid,
    case
      when tn.nspname = 'pg_catalog' or en.nspname = 'pg_catalog' then format_type(t.oid, -1)
      when e.oid is null then t.typname::text
      else e.typname || '[]'
    end as name,
    case
      when tn.nspname = 'pg_catalog' then format_type(t.oid, -1)
      when e.oid is null then format('%I.%I', tn.nspname, t.typname)
      when en.nspname = 'pg_catalog' then format_type(t.oid, -1)
      else format('%I.%I[]', en.nspname, e.typname)
    end as sql,
    case
      when base.typelem <> 0 and base.typlen = -1 and base.typcategory = 'A' then 'array'
      when base.oid = 'boolean'::regtype then 'boolean'
      when base.typcategory in ('D', 'T') then 'datetime'
      when base.oid in ('json'::regtype, 'jsonb'::regtype) then 'json'
      when base.oid in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'real'::regtype,
        'double precision'::regtype, 'numeric'::regtype) then 'number'
      when base.typcategory = 'S' then 'text'
      when base.oid = t.oid and base.typname in ('geography', 'geometry', 'raster') and exists (
        select from pg_depend d join pg_extension x on x.oid = d.refobjid
        where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
          and d.refclassid = 'pg_extension'::regclass and x.extname in ('postgis', 'postgis_raster')
      ) then base.typname::text
      else 'other'
    end as category,
    case when base.oid <> t.oid then format_type(base.oid, -1) else '' end as base,
    (
      select json_agg(l.enumlabel order by l.enumsortorder)
      from pg_enum l
      where l.enumtypid in (base.oid, e.oid)
    ) as labels,
    -- Types that users make out of others have the operators of those, or of all types of their kind.
    case
      when base.typtype = 'b' and base.typcategory <> 'A' and bn.nspname not in ('pg_catalog', 'public')
      then quote_ident(bn.nspname) else ''
    end as operators
  from bases b
  join pg_type t on t.oid = b.oid
  join pg_namespace tn on tn.oid = t.typnamespace
  join pg_type base on base.oid = b.base
  join pg_namespace bn on bn.oid = base.typnamespace
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A' and t.typlen = -1
  left join pg_namespace en on en.oid = e.typnamespace
  where b.next = 0
)
select json_agg(json_build_array(oid::bigint, sql, name, category, base, labels, operators)) from types
