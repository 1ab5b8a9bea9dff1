select *
from ((
    select s.session_type as session_type,
        s.asr::text as asr,
        coalesce(s.contact_name, 'User') as contact,
        s.id::text as id,
        case when s.started_at = s.started_at::timestamptz(0) then replace((s.started_at at time zone 'UTC')
        ::text, ' ', 'T') || 'Z' else to_char(s.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        end as started_at,
        $2::text || coalesce(translate(encode(convert_to(s.contact_folded, 'UTF8'), 'base64'), e'+/=\n', '-_')
        || '.'::text, '') || s.id as cursor,
        s.contact_folded as order_value,
        s.id as order_id
    from session s
    where (s.contact_folded, s.id) > ((select $3::text), $4::uuid)
    and s.account_id = $1
    and (s.is_lead)
    and s.contact_folded is not null
    order by s.contact_folded asc, s.id asc
    limit 51
) union all (
    select s.session_type as session_type,
        s.asr::text as asr,
        coalesce(s.contact_name, 'User') as contact,
        s.id::text as id,
        case when s.started_at = s.started_at::timestamptz(0) then replace((s.started_at at time zone 'UTC')
        ::text, ' ', 'T') || 'Z' else to_char(s.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        end as started_at,
        $2::text || coalesce(translate(encode(convert_to(s.contact_folded, 'UTF8'), 'base64'), e'+/=\n', '-_')
        || '.'::text, '') || s.id as cursor,
        s.contact_folded as order_value,
        s.id as order_id
    from session s
    where s.account_id = $1
    and (s.is_lead)
    and s.contact_folded is null
    order by s.id asc
    limit 51
)) u
order by u.order_value asc nulls last, u.order_id asc
limit 51
