-- create --
with made as (
  insert into howdah_auth.users (roles, password_hash, is_active, password_changed_at)
  values (array(select json_array_elements_text($1::json)), $2::text, $3::boolean,
    case when $2::text is not null then now() end)
  returning id
)
select to_json(id) from made

-- add_identity --
with made as (
  insert into howdah_auth.identities (user_id, kind, subject, shown, verified_at, profile)
  values ($1::bigint, $2::text, $3::text, $4::text, case when $5::boolean then now() end, $6::jsonb)
  returning id
)
select to_json(id) from made

-- find --
-- By number, or by something the user can be found by.
select coalesce((
  select json_build_object(
    'id', u.id, 'is_active', u.is_active, 'roles', u.roles, 'variables', u.variables, 'extra_info', u.extra_info,
    'password_hash', u.password_hash, 'password_needs_factor', u.password_needs_factor,
    'created', to_char(u.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'last_login', to_char(u.last_login_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'identities', coalesce((
      select json_agg(json_build_object('kind', i.kind, 'subject', i.subject, 'shown', i.shown,
        'verified', i.verified_at is not null) order by i.id)
      from howdah_auth.identities i where i.user_id = u.id
    ), '[]')
  )
  from howdah_auth.users u
  where u.id = coalesce($1::bigint, (
    select i.user_id from howdah_auth.identities i where i.kind = $2::text and i.subject = $3::text
  ))
), 'null')

-- lock_identity --
-- Whoever makes an account of this identity, or moves one to it, is alone with that until the end of the transaction.
select to_json(pg_advisory_xact_lock(hashtextextended('howdah_auth identity ' || $1::text || ':' || $2::text, 0))::text)

-- verify_identity --
with done as (
  update howdah_auth.identities set verified_at = coalesce(verified_at, now())
  where user_id = $1::bigint and kind = $2::text and subject = $3::text
  returning id
)
select to_json(count(*)) from done

-- replace_identity --
-- An update, so that the one before is free in the same moment; a user without one of the kind has it from now on.
with changed as (
  update howdah_auth.identities set subject = $3::text, shown = $4::text, verified_at = now(), created_at = now()
  where id = (
    select id from howdah_auth.identities where user_id = $1::bigint and kind = $2::text order by id limit 1
  )
  returning id
),
made as (
  insert into howdah_auth.identities (user_id, kind, subject, shown, verified_at)
  select $1::bigint, $2::text, $3::text, $4::text, now() where not exists (select from changed)
  returning id
)
select to_json((select count(*) from changed) + (select count(*) from made))

-- lock --
select to_json(exists (select from howdah_auth.users where id = $1::bigint for update))

-- note_login --
with done as (update howdah_auth.users set last_login_at = now() where id = $1::bigint returning id)
select to_json(count(*)) from done

-- set_password --
-- Whoever holds a link or code to choose a password with, made before this, chooses nothing any more (R6).
with done as (
  update howdah_auth.users
  set password_hash = $2::text, password_changed_at = now(), password_needs_factor = $3::boolean
  where id = $1::bigint returning id
),
codes as (delete from howdah_auth.codes where user_id = $1::bigint and purpose = 'reset'),
links as (delete from howdah_auth.challenges where user_id = $1::bigint and purpose = 'set-password')
select to_json(count(*)) from done

-- rehash --
-- Only while the hash is still the one that was verified.
with done as (
  update howdah_auth.users set password_hash = $3::text where id = $1::bigint and password_hash = $2::text returning id
)
select to_json(count(*)) from done

-- set_active --
with done as (
  update howdah_auth.users set is_active = $2::boolean where id = $1::bigint returning id
)
select to_json(count(*)) from done

-- set_roles --
with done as (
  update howdah_auth.users set roles = array(select json_array_elements_text($2::json)) where id = $1::bigint returning id
)
select to_json(count(*)) from done

-- set_variables --
with done as (
  update howdah_auth.users set variables = $2::jsonb where id = $1::bigint returning id
)
select to_json(count(*)) from done

-- remove --
with done as (delete from howdah_auth.users where id = $1::bigint returning id)
select to_json(count(*)) from done

-- search --
-- Users in the order of their numbers, after $2; of whom something that they can be found by has $1 in it.
select coalesce(json_agg(id order by id), '[]')
from (
  select u.id
  from howdah_auth.users u
  where u.id > $2::bigint and ($4::text is null or $4::text = any (u.roles)) and ($1::text is null or exists (
    select from howdah_auth.identities i where i.user_id = u.id and strpos(i.subject, $1::text) > 0
  ))
  order by u.id
  limit $3::int
) as page

-- count_with_role --
select to_json(count(*)) from howdah_auth.users where $1::text = any (roles) and is_active
