select *
from ((
    select s.id::text as id,
        s.contact_folded as order_value,
        s.id as order_id
    from session s
    where (s.contact_folded, s.id) <= ((select $2::text), $3::uuid)
    and s.account_id = $1
    and true
    and s.contact_folded is not null
    order by s.contact_folded desc, s.id desc
    limit 1
)) u
order by u.order_value desc nulls first, u.order_id desc
limit 1
