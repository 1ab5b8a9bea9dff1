select s.session_type as session_type,
    s.asr::text as asr,
    coalesce(s.contact_name, 'User') as contact,
    s.id::text as id,
    case when s.started_at = s.started_at::timestamptz(0) then replace((s.started_at at time zone 'UTC')
    ::text, ' ', 'T') || 'Z' else to_char(s.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    end as started_at,
    (s.account_id = $1 and s.integration = any($2) and (not s.is_test) and (s.started_at >= $3 and
    s.started_at < $4)) as is_meant
from session s
where s.account_id = $1
and s.integration = any($5)
and s.id = any($6)
