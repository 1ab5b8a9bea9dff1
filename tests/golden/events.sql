with now as materialized (
    select n.xmin, n.xmax, n.is_standby, h.number, h.id, case when pg_is_in_recovery() then true else
        h.identity = (
        select c.system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || d.oid ||
            '/' || 'event_history'::regclass::oid
        from pg_control_system() c
        join pg_database d on d.datname = current_database()
    ) end as is_current
    from (
        select pg_snapshot_xmin(s.snapshot), pg_snapshot_xmax(s.snapshot), pg_is_in_recovery()
        from pg_current_snapshot() s (snapshot)
    ) n (xmin, xmax, is_standby) left
    join (
        select h.number, h.id, h.identity, h.settled
        from event_history h
        order by h.number desc
        limit 1
    ) h on true
)
select n.*, a.number as after_number,
    a.settled as after_settled,
    f.id as first_id,
    e.history, e.history_id, e.xid, e.seq, e.session_id, e.kind, e.history < n.number
or e.xid < n.xmin as is_settled
from now n left
join event_history f on f.number = 1 left
join event_history a on a.id = $2
and a.number = $3 left
join lateral (
    select e.history, h.id as history_id,
        e.xid, e.seq, e.session_id, e.kind
    from session_event e
    join event_history h on h.number = e.history
    where e.account_id = $1
    and (e.history, e.xid, e.seq) > ($3, $4::xid8, $5::bigint)
    and (e.history < n.number or e.xid < n.xmax)
    order by e.history, e.xid, e.seq
    limit $6
) e on true
order by e.history, e.xid, e.seq
