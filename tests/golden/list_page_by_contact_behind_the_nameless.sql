select *
from ((
    select s.session_type as session_type,
        s.asr::text as asr,
        coalesce(s.contact_name, 'User') as contact,
        s.id::text as id,
        case when s.started_at = s.started_at::timestamptz(0) then replace((s.started_at at time zone 'UTC')
        ::text, ' ', 'T') || 'Z' else to_char(s.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        end as started_at,
        s.contact_folded as order_value,
        s.id as order_id
    from session s
    where s.id > $2::uuid
    and s.account_id = $1
    and true
    and s.contact_folded is null
    order by s.id asc
    limit 51
)) u
order by u.order_value asc nulls last, u.order_id asc
limit 51
