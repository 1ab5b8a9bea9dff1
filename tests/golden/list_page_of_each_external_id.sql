select k.parent, p.*
from unnest($4::text[]) k (parent)
cross join lateral (
    select s.session_type as session_type,
        s.asr as asr,
        coalesce(s.contact_name, 'User') as contact,
        s.id as id,
        s.started_at as started_at,
        s.started_at as order_value
    from session s
    where s.account_id = $1
    and s.integration = any($2)
    and true
    and s.external_id = k.parent
    order by s.started_at desc, s.id desc
    limit $3
) p
