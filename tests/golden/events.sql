select e.xid, e.seq, e.at, e.session_id, e.kind, e.xid < pg_snapshot_xmin(n.snapshot) as is_settled
from session_event e
cross join pg_current_snapshot() n (snapshot)
where e.account_id = $1
and (e.xid, e.seq) > ($2::xid8, $3::bigint)
and e.xid < pg_snapshot_xmax(n.snapshot)
order by e.xid, e.seq
limit $4
