select s.session_type as session_type,
    s.asr::text as asr,
    coalesce(s.contact_name, 'User') as contact,
    s.id::text as id,
    case when s.started_at = s.started_at::timestamptz(0) then replace((s.started_at at time zone 'UTC')
    ::text, ' ', 'T') || 'Z' else to_char(s.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    end as started_at,
    $5::text || (extract(epoch from s.started_at) * 1000000)::bigint || '.'::text || s.id as cursor
from session s
where (s.started_at, s.id) < ($6::timestamptz, $7::uuid)
and s.account_id = $1
and (s.started_at >= $2 and s.started_at < $3)
and (not s.is_test)
and (s.agent_id = (
    select a.id
    from agent a
    where a.account_id = $1
    and a.idn = $4
))
order by s.started_at desc, s.id desc
limit 51
