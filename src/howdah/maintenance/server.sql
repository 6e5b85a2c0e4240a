-- rights --
select json_build_object(
  'user', current_user,
  'may_create', (select rolsuper or rolcreatedb from pg_roles where rolname = current_user),
  'may_rename', (select pg_has_role(datdba, 'usage') from pg_database where datname = $1)
)

-- creation --
-- CREATE DATABASE for one called $2 that is, but for its rows, what the one called $1 is.
select to_json(
  format('create database %I template template0 owner %I encoding %L lc_collate %L lc_ctype %L',
    $2::text, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
  || case to_jsonb(d) ->> 'datlocprovider' when 'i' then ' locale_provider icu' when 'b' then ' locale_provider builtin' else '' end
  || case to_jsonb(d) ->> 'datlocprovider'
    when 'i' then format(' icu_locale %L', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'))
    when 'b' then format(' builtin_locale %L', to_jsonb(d) ->> 'datlocale')
    else '' end
  || case when datconnlimit >= 0 then ' connection limit ' || datconnlimit else '' end
)
from pg_database d where datname = $1::text

-- properties --
-- The statements that give the database $2 what was set, granted and said of the database $1.
select coalesce(json_agg(statement order by step, place), '[]')
from (
  select 1 as step, ordinality as place, unnest(array[
    format('select set_config(%L, %L, true)', split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)),
    case when setrole = 0 then format('alter database %I set %s from current', $2::text, split_part(setting, '=', 1))
    else format('alter role %I in database %I set %s from current', pg_get_userbyid(setrole), $2::text, split_part(setting, '=', 1)) end
  ]) as statement
  from pg_database d
  join pg_db_role_setting s on s.setdatabase = d.oid
  cross join unnest(setconfig) with ordinality as c (setting, ordinality)
  where datname = $1::text
  union all
  select 2, 0, format('revoke all on database %I from public', $2::text)
  from pg_database where datname = $1::text and datacl is not null
  union all
  select 3, ordinality, format('grant %s on database %I to %s%s', privilege_type, $2::text,
    case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
    case when is_grantable then ' with grant option' else '' end)
  from pg_database d cross join aclexplode(datacl) with ordinality as a
  where datname = $1::text and a.grantee <> datdba
  union all
  select 4, 0, format('comment on database %I is %L', $2::text, description)
  from pg_database d join pg_shdescription c on c.objoid = d.oid and c.classoid = 'pg_database'::regclass
  where datname = $1::text
) as statements

-- databases --
select coalesce(json_agg(datname), '[]') from pg_database where starts_with(datname, $1::text)

-- number --
select to_json(oid::text) from pg_database where datname = $1::text

-- disconnect --
-- Ends everybody's connection to the database with the number $1 that we may end; its name may be another's already.
select to_json(count(*) filter (where pg_terminate_backend(pid)))
from pg_stat_activity
where datid = $1::oid and (pg_has_role(usesysid, 'usage') or pg_has_role('pg_signal_backend', 'usage'))

-- missing_roles --
select coalesce(json_agg(name), '[]')
from json_array_elements_text($1::json) as name
where not exists (select from pg_roles where rolname = name)

-- foreign_api_roles --
-- Roles of the APIs of other databases, to which a dump of one of those grants what is for the role of this one.
select coalesce(json_agg(distinct rolname), '[]')
from pg_shdepend d
join pg_roles r on r.oid = d.refobjid
where d.dbid = (select oid from pg_database where datname = current_database())
  and d.refclassid = 'pg_authid'::regclass and d.deptype = 'a'
  and rolname like 'howdah\_api\_%' and rolname <> $1::text
  and not exists (
    select from pg_shdepend o where o.refclassid = d.refclassid and o.refobjid = d.refobjid and o.deptype = 'o'
  )
