-- proven --
select coalesce((
  select json_build_object('level', level, 'age', extract(epoch from now() - proved_at))
  from howdah_auth.sessions where id = $1::uuid
), 'null')
