-- write --
with made as (
  insert into howdah_auth.audit (event, user_id, actor, session_id, ip, request_id, detail)
  values ($1::text, $2::bigint, $3::text, $4::uuid, $5::text, $6::text, $7::jsonb)
  returning id
)
select to_json(id) from made

-- read --
select coalesce(json_agg(json_build_object(
  'id', id, 'at', to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'event', event, 'user_id', user_id,
  'actor', actor, 'session_id', session_id, 'ip', ip, 'request_id', request_id, 'detail', detail
) order by id desc), '[]')
from (
  select * from howdah_auth.audit
  where ($1::bigint is null or user_id = $1::bigint) and ($2::bigint is null or id < $2::bigint)
  order by id desc
  limit $3::int
) as page
