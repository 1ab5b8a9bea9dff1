select s.session_type as session_type,
    s.asr as asr,
    coalesce(s.contact_name, 'User') as contact,
    s.id as id,
    s.started_at as started_at,
    s.started_at as order_value
from session s
where s.account_id = $1
and (s.started_at >= $2 and s.started_at < $3)
and (not s.is_test)
and (s.agent_id = (
    select a.id
    from agent a
    where a.account_id = $1
    and a.idn = $4
))
order by s.started_at desc, s.id desc
limit $5
