select *
from ((
    select s.session_type as session_type,
        s.asr as asr,
        coalesce(s.contact_name, 'User') as contact,
        s.id as id,
        s.started_at as started_at,
        s.contact_folded as order_value
    from session s
    where s.id > $3::uuid
    and s.account_id = $1
    and true
    and s.contact_folded is null
    order by s.id asc
    limit $2
)) u
order by u.order_value asc nulls last, u.id asc
limit $2
