-- list --
select coalesce(json_agg(json_build_object(
  'id', id, 'task', name, 'state', state, 'attempts', attempts - forgiven, 'key', key, 'source', source,
  'request_id', request_id, 'created_at', created_at, 'due_at', case when state in ('waiting', 'blocked') then due_at end,
  'ended_at', ended_at, 'reason', reason
) order by seq desc), '[]')
from (
  select * from howdah_tasks.outbox
  where ($1::text is null or state = $1::text) and ($2::text is null or name = $2::text)
  order by seq desc
  limit $3::integer
) as newest

-- find --
select coalesce(json_agg(id), '[]') from (
  select id from howdah_tasks.outbox where starts_with(id::text, $1::text) order by seq desc limit 2
) as found

-- show --
select json_build_object(
  'id', o.id, 'task', o.name, 'args', o.args, 'state', o.state, 'queue', o.queue, 'key', o.key,
  'idempotency_key', o.idempotency_key, 'source', o.source, 'request_id', o.request_id, 'session', o.session,
  'attempts', o.attempts - o.forgiven, 'deliveries', o.deliveries, 'created_at', o.created_at, 'due_at', o.due_at,
  'lease_until', o.lease_until, 'worker', o.worker, 'started_at', o.started_at, 'ended_at', o.ended_at,
  'reason', o.reason, 'result', o.result,
  'runs', (
    select coalesce(json_agg(json_build_object(
      'attempt', r.attempt, 'outcome', r.outcome, 'worker', r.worker, 'started_at', r.started_at,
      'milliseconds', round((extract(epoch from r.ended_at - r.started_at) * 1000)::numeric, 1), 'error', r.error
    ) order by r.attempt), '[]')
    from howdah_tasks.runs r where r.task_id = o.id
  )
)
from howdah_tasks.outbox o where o.id = $1::uuid

-- retry --
-- What was given up waits again, with all its attempts before it.
with again as (
  update howdah_tasks.outbox
  set state = 'waiting', due_at = now(), ended_at = null, forgiven = attempts, reason = null
  where state = 'dead' and ($1::uuid is null or id = $1::uuid) and ($2::text is null or name = $2::text)
  returning id
), told as (
  select pg_notify('howdah_tasks', '') from again limit 1
)
select json_build_object('ids', (select coalesce(json_agg(id), '[]') from again), 'told', (select count(*) from told))

-- purge --
with gone as (
  delete from howdah_tasks.outbox
  where state = any (array(select jsonb_array_elements_text($1::jsonb)))
    and ($2::text is null or name = $2::text) and coalesce(ended_at, created_at) <= now() - make_interval(secs => $3::float8)
    and not ($4::boolean)
  returning id
)
select to_json(case when $4::boolean then (
  select count(*) from howdah_tasks.outbox
  where state = any (array(select jsonb_array_elements_text($1::jsonb)))
    and ($2::text is null or name = $2::text) and coalesce(ended_at, created_at) <= now() - make_interval(secs => $3::float8)
) else (select count(*) from gone) end)

-- registered --
select coalesce(json_agg(json_build_object(
  'name', name, 'queue', queue, 'parameters', parameters, 'retries', retries, 'about', about, 'seen_at', seen_at
) order by name), '[]') from howdah_tasks.registered

-- run --
select to_json(howdah_tasks.enqueue(
  $1::text, $2::jsonb, at => now() + make_interval(secs => $3::float8), key => $4::text, idempotency_key => $5::text,
  source => $6::text
))

-- counts --
select json_build_object(
  'states', (select coalesce(json_object_agg(state, count), '{}') from (
    select state, count(*) from howdah_tasks.outbox group by state) as counted),
  'lag', (select extract(epoch from now() - min(due_at)) from howdah_tasks.outbox
    where state = 'waiting' and due_at <= now()),
  'workers', (select count(*) from howdah_tasks.workers where seen_at > now() - interval '1 minute')
)

-- schedules --
select coalesce(json_agg(json_build_object(
  'name', s.name, 'last_tick', s.last_tick, 'task_id', t.task_id, 'state', o.state, 'reason', o.reason
)), '[]')
from howdah_tasks.schedules s
left join howdah_tasks.ticks t on t.schedule = s.name and t.tick = s.last_tick
left join howdah_tasks.outbox o on o.id = t.task_id
