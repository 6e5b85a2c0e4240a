-- installed_version --
select to_json(coalesce((
  select obj_description(to_regclass('howdah.mail'), 'pg_class') where to_regclass('howdah.mail') is not null
), ''))

-- install --
create schema if not exists howdah;

-- A row is a message on its way. What it says is taken out as soon as it was sent or given up.
create table if not exists howdah.mail (
  id uuid primary key,
  channel text not null check (channel in ('mail', 'text')),
  template text not null,
  recipient text,
  body bytea,
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
  attempts integer not null default 0,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  reason text,
  check ((state = 'waiting') = (ended_at is null) and (state = 'waiting' or body is null))
);
comment on column howdah.mail.recipient is 'Null: nobody; the row is there so that it takes as long as one for somebody.';
comment on column howdah.mail.body is 'Values and locale as JSON, sealed where there is a key.';
comment on column howdah.mail.due_at is 'Not before then. Whoever tries to send it moves this to when others may try.';
create index if not exists mail_due on howdah.mail (channel, due_at) where state = 'waiting';
create index if not exists mail_ended on howdah.mail (ended_at) where state <> 'waiting';
-- Rows come and go: empty it often, so that looking for those that are due stays fast.
alter table howdah.mail set (autovacuum_vacuum_scale_factor = 0.05);
comment on table howdah.mail is 'howdah mail 1';

-- allow --
-- The role may put messages in, and see none.
do $$
begin
  execute format('grant usage on schema howdah to %1$I; grant insert on howdah.mail to %1$I', current_setting('howdah.mail_role'));
end
$$;
