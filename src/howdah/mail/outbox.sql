-- enqueue --
with message as (
  insert into howdah.mail (id, channel, template, recipient, body, expires_at)
  values ($1::uuid, $2::text, $3::text, $4::text, decode($5::text, 'base64'), now() + make_interval(secs => $6::float8))
)
select to_json(pg_notify('howdah_mail', $2::text)::text)

-- claim --
-- Each is tried by one process alone until its time is over, and by whoever comes first afterwards.
with due as (
  select id from howdah.mail
  where channel = $1::text and state = 'waiting' and due_at <= now() and expires_at > now()
  order by due_at
  limit $2::int
  for update skip locked
),
claimed as (
  update howdah.mail m
  set attempts = attempts + 1, due_at = now() + make_interval(secs => $3::float8)
  from due
  where m.id = due.id
  returning m.*
)
select coalesce(json_agg(json_build_object(
  'id', id, 'template', template, 'to', recipient, 'body', encode(body, 'base64'), 'attempts', attempts,
  'at', created_at
) order by created_at), '[]')
from claimed

-- expire --
with message as (
  update howdah.mail set state = 'failed', body = null, ended_at = now(), reason = $2::text
  where channel = $1::text and state = 'waiting' and expires_at <= now()
  returning *
)
select coalesce(json_agg(json_build_object('id', id, 'template', template, 'to', recipient, 'attempts', attempts)), '[]')
from message where recipient is not null

-- next_due --
-- Seconds until the next message of the channel is due, or worth nothing any more; null when none waits.
select to_json(extract(epoch from min(least(due_at, expires_at)) - now())) from howdah.mail where channel = $1::text and state = 'waiting'

-- sent --
-- Whatever somebody else made of it meanwhile: it was sent.
with message as (
  update howdah.mail set state = 'sent', body = null, ended_at = now(), reason = null
  where id = $1::uuid
  returning id
)
select to_json(count(*)) from message

-- failed --
-- Only by the last who tried: somebody slower may have been overtaken.
with message as (
  update howdah.mail set state = 'failed', body = null, ended_at = now(), reason = $3::text
  where id = $1::uuid and state = 'waiting' and attempts = $2::int
  returning id
)
select to_json(count(*)) from message

-- delayed --
with message as (
  update howdah.mail set due_at = now() + make_interval(secs => $4::float8), reason = $3::text
  where id = $1::uuid and state = 'waiting' and attempts = $2::int
  returning id
)
select to_json(count(*)) from message

-- forget --
with message as (delete from howdah.mail where id = $1::uuid returning id) select to_json(count(*)) from message

-- tidy --
with message as (
  delete from howdah.mail where state <> 'waiting' and ended_at < now() - make_interval(days => $1::int) returning id
)
select to_json(count(*)) from message

-- list --
select coalesce(json_agg(json_build_object(
  'id', id, 'at', created_at, 'channel', channel, 'template', template, 'to', recipient, 'state', state,
  'attempts', attempts, 'due_at', case when state = 'waiting' then due_at end, 'ended_at', ended_at, 'reason', reason
) order by created_at desc), '[]')
from (
  select * from howdah.mail where recipient is not null order by created_at desc limit $1::int
) as newest
