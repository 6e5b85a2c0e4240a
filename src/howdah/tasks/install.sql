-- is_installed --
select to_json(to_regclass('howdah_tasks.installation') is not null)

-- installed_version --
select to_json(version) from howdah_tasks.installation

-- lock --
set local lock_timeout = 0; set local statement_timeout = 0; select pg_advisory_xact_lock(7473, 3)

-- install --
create schema if not exists howdah_tasks;
comment on schema howdah_tasks is 'Belongs to howdah: tasks. Its functions are how services and workers use it.';
revoke all on schema howdah_tasks from public;

create table if not exists howdah_tasks.installation (
  only_row boolean primary key default true check (only_row),
  version integer not null
);

-- A row is a task, from the transaction that wants it done until it is forgotten.
create table if not exists howdah_tasks.outbox (
  id uuid primary key default gen_random_uuid(),
  seq bigint generated always as identity,
  name text not null check (name ~ '^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$'),
  args jsonb not null default '{}' check (jsonb_typeof(args) = 'object'),
  queue text not null default 'default' check (queue ~ '^[A-Za-z0-9_.-]{1,64}$'),
  key text,
  idempotency_key text,
  request_id text,
  session jsonb,
  source text not null default 'sql',
  state text not null default 'waiting'
    check (state in ('waiting', 'blocked', 'sending', 'sent', 'running', 'done', 'dead')),
  attempts integer not null default 0,
  forgiven integer not null default 0,
  most_attempts integer,
  deliveries integer not null default 0,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  lease_until timestamptz,
  worker text,
  started_at timestamptz,
  ended_at timestamptz,
  reason text,
  result jsonb,
  check ((state in ('done', 'dead')) = (ended_at is not null))
);
comment on table howdah_tasks.outbox is 'Tasks. waiting: until due_at. blocked: behind one with the same key. sending, sent: to the broker, until a worker begins or lease_until. running: by a worker, until lease_until. done. dead: given up.';
alter table howdah_tasks.outbox add column if not exists forgiven integer not null default 0;
comment on column howdah_tasks.outbox.forgiven is 'So many of the attempts were before somebody wanted it to be tried again.';
comment on column howdah_tasks.outbox.key is 'Tasks with one key run one after the other, in the order of seq.';
comment on column howdah_tasks.outbox.idempotency_key is 'A task of this name and key is there once.';
comment on column howdah_tasks.outbox.session is 'On whose behalf: role and variables of who caused it.';
create unique index if not exists outbox_idempotency on howdah_tasks.outbox (name, idempotency_key) where idempotency_key is not null;
create index if not exists outbox_due on howdah_tasks.outbox (due_at, seq) where state = 'waiting';
create index if not exists outbox_lease on howdah_tasks.outbox (lease_until) where state in ('sending', 'sent', 'running');
create index if not exists outbox_key on howdah_tasks.outbox (key, seq) where key is not null and state not in ('done', 'dead');
create index if not exists outbox_ended on howdah_tasks.outbox (ended_at) where state in ('done', 'dead');
create index if not exists outbox_seq on howdah_tasks.outbox (seq);
-- Rows come and go: empty it often, so that looking for those that are due stays fast.
alter table howdah_tasks.outbox set (autovacuum_vacuum_scale_factor = 0.05);

-- What came of each attempt, once.
create table if not exists howdah_tasks.runs (
  task_id uuid not null references howdah_tasks.outbox on delete cascade,
  attempt integer not null,
  outcome text not null check (outcome in ('done', 'failed', 'lost')),
  worker text,
  started_at timestamptz not null,
  ended_at timestamptz not null default clock_timestamp(),
  error text,
  primary key (task_id, attempt)
);

create or replace view howdah_tasks.dead_letters as
  select id, name, args, queue, key, request_id, source, attempts, created_at, ended_at, reason
  from howdah_tasks.outbox where state = 'dead';

-- What workers say they can do; the newest word counts.
create table if not exists howdah_tasks.registered (
  name text primary key,
  queue text not null,
  parameters jsonb not null,
  retries integer not null,
  about text,
  seen_at timestamptz not null default now()
);

create table if not exists howdah_tasks.workers (
  id text primary key,
  concurrency integer not null,
  queues text[] not null,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);

-- A task will be done once this transaction has committed; its id, or that of the one with this idempotency key.
create or replace function howdah_tasks.enqueue(
  task text,
  args jsonb default '{}',
  at timestamptz default null,
  key text default null,
  idempotency_key text default null,
  queue text default null,
  request_id text default null,
  session jsonb default null,
  source text default 'sql'
) returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
declare
  written uuid;
begin
  insert into howdah_tasks.outbox (name, args, due_at, key, idempotency_key, queue, request_id, session, source)
  values (
    enqueue.task, enqueue.args, coalesce(enqueue.at, now()), enqueue.key, enqueue.idempotency_key,
    coalesce(enqueue.queue, (select r.queue from howdah_tasks.registered r where r.name = enqueue.task), 'default'),
    enqueue.request_id, enqueue.session, enqueue.source
  )
  on conflict (name, idempotency_key) where idempotency_key is not null do nothing
  returning id into written;
  if written is null then
    return (
      select o.id from howdah_tasks.outbox o
      where o.name = enqueue.task and o.idempotency_key = enqueue.idempotency_key
    );
  end if;
  perform pg_notify('howdah_tasks', '');
  return written;
end
$body$;

-- For the relay: what is due becomes 'sending', so many at most together with what no worker has begun; and what else
-- there is to know. One relay at a time, so that of two tasks with one key never both are taken.
create or replace function howdah_tasks.take(most integer, lease double precision)
returns json language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
  room integer;
  taken json;
  looked integer;
begin
  if not pg_try_advisory_xact_lock(7473, 4) then
    return json_build_object('tasks', json_build_array(), 'state', 'busy');
  end if;
  room := most - (select count(*) from howdah_tasks.outbox where state in ('sending', 'sent'));
  if room <= 0 then
    return json_build_object('tasks', json_build_array(), 'state', 'full');
  end if;
  with due as (
    select o.id, o.key, o.seq from howdah_tasks.outbox o
    where o.state = 'waiting' and o.due_at <= now()
    order by o.due_at, o.seq
    limit room
    for update skip locked
  ),
  judged as (
    select d.id, d.key is not null and exists (
      select from howdah_tasks.outbox b
      where b.key = d.key and b.id <> d.id
        and (b.state in ('sending', 'sent', 'running') or (b.state in ('waiting', 'blocked') and b.seq < d.seq))
    ) as is_blocked
    from due d
  ),
  changed as (
    update howdah_tasks.outbox o
    set state = case when j.is_blocked then 'blocked' else 'sending' end,
      deliveries = o.deliveries + case when j.is_blocked then 0 else 1 end,
      lease_until = case when j.is_blocked then null else now() + make_interval(secs => lease) end
    from judged j
    where o.id = j.id
    returning o.id, o.name, o.queue, o.seq, o.request_id, o.created_at, j.is_blocked
  )
  select
    count(*),
    coalesce(json_agg(json_build_object('id', id, 'name', name, 'queue', queue, 'request_id', request_id) order by seq)
      filter (where not is_blocked), '[]')
  into looked, taken
  from changed;
  return json_build_object('tasks', taken, 'state', case when looked = room then 'more' else 'all' end);
end
$body$;

-- The next of the key may go, if there is one and nothing of the key is under way.
create or replace function howdah_tasks.unblock(freed text)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $body$
  with next as (
    update howdah_tasks.outbox set state = 'waiting'
    where id = (
      select id from howdah_tasks.outbox where key = freed and state = 'blocked' order by seq limit 1
    ) and state = 'blocked' and not exists (
      select from howdah_tasks.outbox where key = freed and state in ('sending', 'sent', 'running', 'waiting')
    )
    returning id
  )
  select pg_notify('howdah_tasks', '') from next
$body$;

-- For workers. A worker begins a task that was handed over: what it is, or null when it is not to be done (any more).
create or replace function howdah_tasks.start(task_id uuid, worker text, lease double precision, most_attempts integer)
returns json language sql security definer set search_path = pg_catalog, pg_temp as $body$
  update howdah_tasks.outbox o
  set state = 'running', attempts = o.attempts + 1, most_attempts = start.most_attempts, worker = start.worker,
    started_at = clock_timestamp(), lease_until = clock_timestamp() + make_interval(secs => start.lease)
  where o.id = start.task_id and o.state in ('sending', 'sent')
  returning json_build_object(
    'id', o.id, 'name', o.name, 'args', o.args, 'fence', o.attempts, 'attempt', o.attempts - o.forgiven, 'key', o.key, 'request_id', o.request_id,
    'session', o.session, 'source', o.source, 'created_at', o.created_at
  )
$body$;

-- Whoever does this attempt still does; false when it was given to somebody else.
create or replace function howdah_tasks.extend(task_id uuid, attempt integer, lease double precision)
returns boolean language sql security definer set search_path = pg_catalog, pg_temp as $body$
  with extended as (
    update howdah_tasks.outbox o set lease_until = clock_timestamp() + make_interval(secs => extend.lease)
    where o.id = extend.task_id and o.attempts = extend.attempt and o.state = 'running'
    returning id
  )
  select exists (select from extended)
$body$;

-- The attempt was successful; false when it is not this attempt's to say (any more).
create or replace function howdah_tasks.finish(task_id uuid, attempt integer, result jsonb)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
declare
  ended howdah_tasks.outbox;
begin
  update howdah_tasks.outbox o
  set state = 'done', ended_at = clock_timestamp(), lease_until = null, reason = null, result = finish.result
  where o.id = finish.task_id and o.attempts = finish.attempt and o.state = 'running'
  returning * into ended;
  if not found then  -- it may have said so already, in a transaction of its own
    return exists (
      select from howdah_tasks.outbox o
      where o.id = finish.task_id and o.attempts = finish.attempt and o.state = 'done'
    );
  end if;
  insert into howdah_tasks.runs (task_id, attempt, outcome, worker, started_at)
  values (ended.id, ended.attempts, 'done', ended.worker, ended.started_at);
  if ended.key is not null then
    perform howdah_tasks.unblock(ended.key);
  end if;
  return true;
end
$body$;

-- The attempt failed: the task is tried again after some seconds, or without them given up. Null when it is not this
-- attempt's to say (any more), else the state of the task.
create or replace function howdah_tasks.fail(task_id uuid, attempt integer, error text, seconds double precision)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
declare
  ended howdah_tasks.outbox;
begin
  update howdah_tasks.outbox o
  set state = case when fail.seconds is null then 'dead' else 'waiting' end,
    ended_at = case when fail.seconds is null then clock_timestamp() end,
    due_at = case when fail.seconds is null then o.due_at else clock_timestamp() + make_interval(secs => fail.seconds) end,
    lease_until = null, reason = left(split_part(fail.error, E'\n', 1), 1000)
  where o.id = fail.task_id and o.attempts = fail.attempt and o.state = 'running'
  returning * into ended;
  if not found then
    return null;
  end if;
  insert into howdah_tasks.runs (task_id, attempt, outcome, worker, started_at, error)
  values (ended.id, ended.attempts, 'failed', ended.worker, ended.started_at, left(fail.error, 20000));
  if fail.seconds is not null then
    perform pg_notify('howdah_tasks', '');  -- it may be due before the next look
  elsif ended.key is not null then
    perform howdah_tasks.unblock(ended.key);
  end if;
  return ended.state;
end
$body$;

-- Which attempt this worker has begun and not ended, as {"fence", "attempt"}; null when it is none.
create or replace function howdah_tasks.begun_by(task_id uuid, worker text)
returns json language sql security definer set search_path = pg_catalog, pg_temp as $body$
  select json_build_object('fence', o.attempts, 'attempt', o.attempts - o.forgiven) from howdah_tasks.outbox o
  where o.id = begun_by.task_id and o.worker = begun_by.worker and o.state = 'running'
$body$;

-- What nobody has any more is done again: handed over and never begun, or begun by a worker that is silent. What has
-- been begun too often is given up.
create or replace function howdah_tasks.recover()
returns json language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
  found_again json;
  freed text;
begin
  with expired as (
    select o.id, o.state, o.attempts - o.forgiven >= coalesce(o.most_attempts, 1) and o.state = 'running' as is_over
    from howdah_tasks.outbox o
    where o.state in ('sending', 'sent', 'running') and o.lease_until < now()
    for update skip locked
  ),
  noted as (
    insert into howdah_tasks.runs (task_id, attempt, outcome, worker, started_at, error)
    select o.id, o.attempts, 'lost', o.worker, o.started_at, 'The worker was silent.'
    from expired e join howdah_tasks.outbox o on o.id = e.id
    where e.state = 'running'
  ),
  changed as (
    update howdah_tasks.outbox o
    set state = case when e.is_over then 'dead' else 'waiting' end,
      ended_at = case when e.is_over then clock_timestamp() end,
      due_at = case when e.is_over then o.due_at else now() end,
      lease_until = null,
      reason = case e.state when 'running' then 'Its worker was silent.' else 'No worker has begun it.' end
    from expired e
    where o.id = e.id
    returning o.id, o.name, o.request_id, o.attempts, e.state as was, o.state
  )
  select coalesce(json_agg(to_json(changed)), '[]') into found_again from changed;
  for freed in
    select distinct key from howdah_tasks.outbox where key is not null and state = 'blocked'
  loop
    perform howdah_tasks.unblock(freed);
  end loop;
  return found_again;
end
$body$;

-- A worker is there, and this is what it can do. Whoever was silent for a while is not. Whether it should have something
-- to do and has not: tasks of its queues were handed over again and again, and it does none.
drop function if exists howdah_tasks.announce(text, integer, text[], jsonb);
create function howdah_tasks.announce(worker text, concurrency integer, queues text[], tasks jsonb)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
begin
  insert into howdah_tasks.workers (id, concurrency, queues)
  values (announce.worker, announce.concurrency, announce.queues)
  on conflict (id) do update set seen_at = now();
  delete from howdah_tasks.workers where seen_at < now() - interval '1 minute';
  insert into howdah_tasks.registered (name, queue, parameters, retries, about)
  select t ->> 'name', t ->> 'queue', t -> 'parameters', (t ->> 'retries')::integer, t ->> 'about'
  from jsonb_array_elements(announce.tasks) as t
  order by 1
  on conflict (name) do update
    set queue = excluded.queue, parameters = excluded.parameters, retries = excluded.retries, about = excluded.about,
      seen_at = now();
  return exists (
    select from howdah_tasks.outbox o
    where o.state in ('sending', 'sent') and o.deliveries >= 3 and o.queue = any (announce.queues)
  ) and not exists (
    select from howdah_tasks.outbox o where o.state = 'running' and o.worker = announce.worker
  );
end
$body$;

-- Which times of a schedule were used. Whoever is first to use one has its task sent, and nobody else.
create table if not exists howdah_tasks.schedules (
  name text primary key,
  task text not null,
  since timestamptz not null default now(),
  last_tick timestamptz
);

create table if not exists howdah_tasks.ticks (
  schedule text not null references howdah_tasks.schedules on delete cascade,
  tick timestamptz not null,
  task_id uuid not null,
  primary key (schedule, tick)
);

-- The schedule is known; when it was due last, or since when it is known.
create or replace function howdah_tasks.schedule(name text, task text)
returns timestamptz language sql security definer set search_path = pg_catalog, pg_temp as $body$
  insert into howdah_tasks.schedules as s (name, task) values (schedule.name, schedule.task)
  on conflict (name) do update set task = excluded.task
  returning coalesce(s.last_tick, s.since)
$body$;

-- The task of this time is sent, unless it was already; its id in the first case.
create or replace function howdah_tasks.tick(schedule text, tick timestamptz, task text, args jsonb, key text)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
declare
  sent uuid := gen_random_uuid();
begin
  insert into howdah_tasks.ticks (schedule, tick, task_id) values (tick.schedule, tick.tick, sent)
  on conflict do nothing;
  if not found then
    return null;
  end if;
  sent := howdah_tasks.enqueue(tick.task, tick.args, key => tick.key, source => 'schedule:' || tick.schedule);
  update howdah_tasks.ticks t set task_id = sent where t.schedule = tick.schedule and t.tick = tick.tick;
  update howdah_tasks.schedules s set last_tick = greatest(s.last_tick, tick.tick) where s.name = tick.schedule;
  delete from howdah_tasks.ticks t where t.schedule = tick.schedule and t.tick < now() - interval '7 days';
  return sent;
end
$body$;

-- A session as an object with its role among the variables, in the form of outbox.session.
create or replace function howdah_tasks.as_session(told jsonb)
returns jsonb language sql immutable set search_path = pg_catalog, pg_temp as $body$
  select jsonb_build_object('role', told ->> 'x-hasura-role', 'variables', told - 'x-hasura-role')
$body$;

-- On whose behalf this transaction is, as far as whoever began it has said; in the form of outbox.session.
create or replace function howdah_tasks.caller()
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $body$
  select jsonb_build_object('role', told ->> 'x-hasura-role', 'variables', told - 'x-hasura-role')
  from (select nullif(current_setting('hasura.user', true), '')::jsonb) as user_setting (told)
  where told ->> 'x-hasura-role' is not null
$body$;

-- A row event: the trigger of an event trigger of the metadata, with its name, its task, and as JSON or null the key's
-- columns, those that count when a row is updated, and those that are told.
create or replace function howdah_tasks.row_event()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
  key_columns jsonb := nullif(tg_argv[2], '');
  counted jsonb := nullif(tg_argv[3], '');
  told jsonb := nullif(tg_argv[4], '');
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  row_key text;
begin
  if tg_op = 'UPDATE' then
    if counted is null and old_row = new_row then
      return null;
    end if;
    if counted is not null and not exists (
      select from jsonb_array_elements_text(counted) as c where old_row -> c is distinct from new_row -> c
    ) then
      return null;
    end if;
  end if;
  if key_columns is not null then
    select format('%I.%I', tg_table_schema, tg_table_name) || ' ' || jsonb_agg(coalesce(new_row, old_row) -> c)::text
    into row_key from jsonb_array_elements_text(key_columns) as c;
  end if;
  if told is not null then
    select case when old_row is not null then jsonb_object_agg(c, old_row -> c) end,
      case when new_row is not null then jsonb_object_agg(c, new_row -> c) end
    into old_row, new_row from jsonb_array_elements_text(told) as c;
  end if;
  perform howdah_tasks.enqueue(
    tg_argv[1],
    jsonb_build_object(
      'event', tg_argv[0], 'op', lower(tg_op), 'schema', tg_table_schema, 'table', tg_table_name,
      'old', old_row, 'new', new_row
    ),
    key => row_key,
    request_id => nullif(current_setting('howdah.request_id', true), ''),
    session => howdah_tasks.caller(),
    source => 'event:' || tg_argv[0]
  );
  return null;
end
$body$;

-- Exactly these event triggers are there: a list of {name, task, schema, table, on, keys, columns, payload}. As the
-- owner of the tables, who calls this; how many triggers were made or dropped.
create or replace function howdah_tasks.apply_row_events(wanted jsonb)
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $body$
declare
  item record;
  changed integer := 0;
  definition text;
begin
  create temporary table if not exists wanted_row_events (relation oid, name text, definition text) on commit drop;
  truncate pg_temp.wanted_row_events;
  for item in
    select c.oid, e ->> 'name' as name, e ->> 'task' as task, e -> 'keys' as keys, e -> 'columns' as columns,
      e -> 'payload' as payload, array(select jsonb_array_elements_text(e -> 'on')) as operations
    from jsonb_array_elements(wanted) as e
    join pg_namespace n on n.nspname = e ->> 'schema'
    join pg_class c on c.relnamespace = n.oid and c.relname = e ->> 'table'
  loop
    definition := format(
      'after %s on %s for each row execute function howdah_tasks.row_event(%L, %L, %L, %L, %L)',
      array_to_string(item.operations, ' or '), item.oid::regclass, item.name, item.task,
      coalesce(nullif(item.keys, 'null')::text, ''), coalesce(nullif(item.columns, 'null')::text, ''),
      coalesce(nullif(item.payload, 'null')::text, '')
    );
    insert into pg_temp.wanted_row_events values (item.oid, 'howdah_event_' || item.name, definition);
  end loop;
  for item in
    select t.tgname, t.tgrelid from pg_trigger t
    where t.tgfoid = 'howdah_tasks.row_event'::regproc and not t.tgisinternal and t.tgparentid = 0
      and not exists (
        select from pg_temp.wanted_row_events w
        where w.relation = t.tgrelid and w.name = t.tgname
          and obj_description(t.oid, 'pg_trigger') = md5(w.definition)
      )
  loop
    execute format('drop trigger %I on %s', item.tgname, item.tgrelid::regclass);
    changed := changed + 1;
  end loop;
  for item in
    select w.* from pg_temp.wanted_row_events w
    where not exists (
      select from pg_trigger t
      where t.tgrelid = w.relation and t.tgname = w.name and t.tgfoid = 'howdah_tasks.row_event'::regproc
    )
  loop
    execute format('create trigger %I %s', item.name, item.definition);
    execute format('comment on trigger %I on %s is %L', item.name, item.relation::regclass, md5(item.definition));
    changed := changed + 1;
  end loop;
  return changed;
end
$body$;

create or replace function howdah_tasks.leave(worker text)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $body$
  delete from howdah_tasks.workers where id = worker
$body$;

-- For the platform: this role may send tasks and nothing else. Which, and for whom, the Data API says.
create or replace function howdah_tasks.allow(role_name text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $body$
begin
  execute format('grant usage on schema howdah_tasks to %I', role_name);
  execute format('grant execute on function howdah_tasks.enqueue(text, jsonb, timestamptz, text, text, text, text, jsonb, text), howdah_tasks.as_session(jsonb) to %I', role_name);
end
$body$;

revoke all on all tables in schema howdah_tasks from public;
revoke all on all functions in schema howdah_tasks from public;

insert into howdah_tasks.installation (version) values (4)
on conflict (only_row) do update set version = excluded.version;
