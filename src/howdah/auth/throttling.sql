-- count --
-- One try in the bucket $1, which gives $2 of them within $3 seconds, and after those a wait of $4 seconds that doubles up
-- to $5. A bucket that is blocked is left as it is, and no row is returned. The row is decided on as it is once its lock
-- is had, so of many statements at once exactly as many are admitted as there are tries left.
with rule as (
  select $2::integer as tries, make_interval(secs => $3::double precision) as "window",
    $4::double precision as wait, $5::double precision as longest_wait
),
counted as (
  insert into howdah_auth.throttle as t (key, count, window_began, blocked_until)
  select $1::text, 1, now(), case when tries <= 1 then now() + make_interval(secs => wait) end from rule
  on conflict (key) do update set (count, window_began, blocked_until) = (
    select n.count, case when n.count = 1 then now() else t.window_began end, case when n.count >= tries
      then now() + make_interval(secs => least(wait * 2.0 ^ least(n.count - tries, 40), longest_wait)) end
    from rule cross join lateral (
      select case when t.window_began + "window" <= now() then 1 else t.count + 1 end as count
    ) n
  )
  where t.blocked_until is null or t.blocked_until <= now()
  returning key
)
select json_build_object(
  'admitted', exists (select from counted),
  -- What was blocked only a moment ago is not in this statement's snapshot; then the rule's wait is what is left.
  'wait', coalesce(
    (select extract(epoch from blocked_until - now()) from howdah_auth.throttle
      where key = $1::text and blocked_until > now()),
    (select wait from rule)
  )
)

-- forgive --
-- Rows are locked in one order, so that no two of these wait for each other.
with bucket as (
  select * from json_to_recordset($1::json) as b(key text, shared boolean, tries integer)
),
locked as (
  select t.key from howdah_auth.throttle t where t.key in (select key from bucket) order by t.key for update
),
cleared as (
  delete from howdah_auth.throttle t using bucket b
  where t.key = b.key and not b.shared and t.key in (select key from locked) returning 1
),
given_back as (
  update howdah_auth.throttle t set count = greatest(t.count - 1, 0),
    blocked_until = case when t.count - 1 >= b.tries then t.blocked_until end
  from bucket b where t.key = b.key and b.shared and t.key in (select key from locked) returning 1
)
select to_json((select count(*) from cleared) + (select count(*) from given_back))

-- forget --
with gone as (
  delete from howdah_auth.throttle
  where window_began < now() - make_interval(secs => $1::double precision)
    and (blocked_until is null or blocked_until < now())
  returning 1
)
select to_json(count(*)) from gone
