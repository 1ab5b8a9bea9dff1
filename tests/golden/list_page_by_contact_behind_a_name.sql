select *
from ((
    select s.session_type as session_type,
        s.asr as asr,
        coalesce(s.contact_name, 'User') as contact,
        s.id as id,
        s.started_at as started_at,
        s.contact_folded as order_value
    from session s
    where (s.contact_folded, s.id) > ((select $3::text), $4::uuid)
    and s.account_id = $1
    and (s.is_lead)
    and s.contact_folded is not null
    order by s.contact_folded asc, s.id asc
    limit $2
) union all (
    select s.session_type as session_type,
        s.asr as asr,
        coalesce(s.contact_name, 'User') as contact,
        s.id as id,
        s.started_at as started_at,
        s.contact_folded as order_value
    from session s
    where s.account_id = $1
    and (s.is_lead)
    and s.contact_folded is null
    order by s.id asc
    limit $2
)) u
order by u.order_value asc nulls last, u.id asc
limit $2
