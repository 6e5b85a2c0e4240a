-- take --
select howdah_tasks.take($1::integer, $2::float8)

-- confirm --
-- A worker may have begun it already.
with confirmed as (
  update howdah_tasks.outbox set state = 'sent', lease_until = now() + make_interval(secs => $2::float8)
  where id = any (array(select jsonb_array_elements_text($1::jsonb)::uuid)) and state = 'sending'
  returning id
)
select to_json(count(*)) from confirmed

-- give_back --
with given as (
  update howdah_tasks.outbox set state = 'waiting', lease_until = null
  where id = any (array(select jsonb_array_elements_text($1::jsonb)::uuid)) and state = 'sending'
  returning id
)
select to_json(count(*)) from given

-- recover --
select howdah_tasks.recover()

-- next_due --
-- Seconds until the next task is due; null when none waits.
select to_json(extract(epoch from min(due_at) - now())) from howdah_tasks.outbox where state = 'waiting'

-- tidy --
with forgotten as (
  delete from howdah_tasks.outbox
  where state in ('done', 'dead') and ended_at < now() - make_interval(days => $1::integer)
  returning id
)
select to_json(count(*)) from forgotten

-- allow --
select to_json(howdah_tasks.allow($1::text)::text)

-- schedule --
select to_json(howdah_tasks.schedule($1::text, $2::text))

-- tick --
select to_json(howdah_tasks.tick($1::text, $2::timestamptz, $3::text, $4::jsonb, $5::text))
