-- known --
-- What a user's passkeys are looked for by.
select coalesce(json_agg(json_build_object('id', encode(credential_id, 'hex'), 'transports', transports)
  order by created_at), '[]')
from howdah_auth.passkeys where user_id = $1::bigint

-- add --
with made as (
  insert into howdah_auth.passkeys (user_id, name, credential_id, public_key, sign_count, transports, backed_up)
  values ($1::bigint, $2::text, $3::bytea, $4::bytea, $5::bigint, array(select json_array_elements_text($6::json)),
    $7::boolean)
  returning id
)
select to_json(count(*)) from made

-- find --
select coalesce((
  select json_build_object('id', id, 'user_id', user_id, 'name', name, 'public_key', encode(public_key, 'hex'))
  from howdah_auth.passkeys where credential_id = $1::bytea
), 'null')

-- use --
-- A count that does not grow is that of a copy (R30), unless the authenticator does not count at all.
with done as (
  update howdah_auth.passkeys set sign_count = $2::bigint, backed_up = $3::boolean, used_at = now()
  where id = $1::uuid and (sign_count < $2::bigint or (sign_count = 0 and $2::bigint = 0)) returning id
)
select to_json(exists (select from done))
