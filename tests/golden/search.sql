select s.session_type as session_type,
    s.asr::text as asr,
    coalesce(s.contact_name, 'User') as contact,
    s.id::text as id,
    case when s.started_at = s.started_at::timestamptz(0) then replace((s.started_at at time zone 'UTC')
    ::text, ' ', 'T') || 'Z' else to_char(s.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    end as started_at
from session s
where s.account_id = $1
and (s.phone_search like $2 or s.phone_search like $3 or s.summary_folded like $4 or s.comment_folded like $4)
order by s.started_at desc, s.id desc
limit $5
