select s.session_type as session_type,
    s.asr as asr,
    coalesce(s.contact_name, 'User') as contact,
    s.id as id,
    s.started_at as started_at
from session s
where s.account_id = $1
and s.agent_id = any(array(
    select a.id
    from agent a
    where a.account_id = $1
    and a.idn = any($2)
))
and true
and s.id = $3
