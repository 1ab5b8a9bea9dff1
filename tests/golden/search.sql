select s.session_type as session_type,
    s.asr as asr,
    coalesce(s.contact_name, 'User') as contact,
    s.id as id,
    s.started_at as started_at,
    s.started_at as order_value
from session s
where s.account_id = $1
and (s.phone_digits like $2 or s.summary_folded like $3 or s.comment_folded like $3)
order by s.started_at desc, s.id desc
limit $4
