-- write --
with made as (
  insert into howdah_auth.audit (event, user_id, actor, session_id, ip, request_id, detail)
  values ($1::text, $2::bigint, $3::text, $4::uuid, $5::text, $6::text, $7::jsonb)
  returning id
)
select to_json(id) from made
