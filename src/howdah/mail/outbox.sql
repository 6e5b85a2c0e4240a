-- enqueue --
with message as (
  insert into howdah.mail (id, channel, template, recipient, body, expires_at)
  values ($1::uuid, $2::text, $3::text, $4::text, decode($5::text, 'base64'), now() + make_interval(secs => $6::float8))
)
select to_json(pg_notify('howdah_mail', $2::text)::text)
