select array(
    select o.value
    from (
        select distinct s.session_type
        from session s
        where s.account_id = $1
        and true
    ) o (value)
    where o.value is not null
    order by o.value collate "C"
) as "sessionTypes",
    array(
    select o.value
    from (
        select distinct t.tag
        from session s
        cross join unnest(s.tags) t (tag)
        where s.account_id = $1
        and true
    ) o (value)
    where o.value is not null
    order by o.value collate "C"
) as "tags"
