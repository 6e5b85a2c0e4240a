-- issue --
-- One code or link for each purpose, identity and flow: a newer one takes the place of the one before. How often one was
-- wrong is kept while codes of that flow could still be tried, so asking again buys no tries (R15). Without a payload
-- that of the one before stays.
with made as (
  insert into howdah_auth.codes as c (purpose, kind, subject, flow_hash, user_id, token_hash, code_hash, payload,
    expires_at, code_expires_at, tries_until)
  values ($1::text, $2::text, $3::text, $4::bytea, $5::bigint, $6::bytea, $7::bytea, coalesce($8::jsonb, '{}'),
    now() + make_interval(secs => $9::double precision), now() + make_interval(secs => $10::double precision),
    now() + make_interval(secs => $10::double precision))
  on conflict (purpose, kind, subject, flow_hash) do update set
    user_id = excluded.user_id, token_hash = excluded.token_hash, code_hash = excluded.code_hash,
    payload = coalesce($8::jsonb, c.payload), created_at = now(), expires_at = excluded.expires_at,
    code_expires_at = excluded.code_expires_at,
    tries = case when c.tries_until > now() then c.tries else 0 end,
    tries_until = case when c.tries_until > now() then c.tries_until else excluded.tries_until end
  returning id
)
select to_json(id) from made

-- try --
-- One try at the code, counted before it is compared. Of many at once as many are admitted as there are tries left.
with tried as (
  update howdah_auth.codes set tries = tries + 1
  where purpose = $1::text and kind = $2::text and subject = $3::text and flow_hash = $4::bytea
    and code_hash is not null and code_expires_at > now() and tries < $5::integer
  returning id, encode(code_hash, 'hex') as code_hash
)
select coalesce((select json_build_object('id', id, 'code_hash', code_hash) from tried), 'null')

-- redeem_code --
-- The one that was tried, unless somebody else was first or there is a newer one.
with done as (
  delete from howdah_auth.codes where id = $1::uuid and code_hash = $2::bytea and code_expires_at > now()
  returning purpose, kind, subject, user_id, payload
)
select coalesce((select to_json(done) from done), 'null')

-- redeem_token --
with done as (
  delete from howdah_auth.codes
  where token_hash = $1::bytea and purpose = any(array(select json_array_elements_text($2::json)))
    and ($3::bytea is null or flow_hash = $3::bytea) and expires_at > now()
  returning purpose, kind, subject, user_id, payload
)
select coalesce((select to_json(done) from done), 'null')

-- whose --
-- By the token ($1) or the row ($3) of what may still be used.
select coalesce((
  select to_json(user_id) from howdah_auth.codes
  where (token_hash = $1::bytea or id = $3::uuid) and purpose = any(array(select json_array_elements_text($2::json)))
    and expires_at > now()
), 'null')

-- find_sign_up --
select coalesce((
  select to_json(payload ->> 'password_hash') from howdah_auth.codes
  where purpose = 'pending' and kind = $1::text and subject = $2::text and flow_hash = '' and expires_at > now()
), 'null')

-- cancel --
with done as (delete from howdah_auth.codes where user_id = $1::bigint returning id)
select to_json(count(*)) from done

-- cancel_for --
with done as (delete from howdah_auth.codes where purpose = $1::text and kind = $2::text and subject = $3::text returning id)
select to_json(count(*)) from done
