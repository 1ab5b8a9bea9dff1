select s.session_type as session_type,
    s.asr as asr,
    coalesce(s.contact_name, 'User') as contact,
    s.id as id,
    s.started_at as started_at,
    (s.account_id = $1 and s.integration = any($2) and (not s.is_test) and (s.started_at >= $3 and
    s.started_at < $4)) as is_meant
from session s
where s.account_id = $1
and s.integration = any($5)
and s.id = any($6)
