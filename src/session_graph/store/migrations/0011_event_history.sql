-- The log of events is compacted instead of cut, and its positions name the history of the server that wrote them.
-- breaks: older versions, which would delete the newest event of sessions that are long unchanged.

create table event_history (
    number smallint primary key check (number > 0),
    id text collate "C" not null unique default left(replace(gen_random_uuid()::text, '-', ''), 16),
    identity text collate "C" not null,
    started_at timestamptz not null default now(),
    settled xid8 not null
);

insert into event_history (number, identity, settled)
select 1, c.system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || d.oid || '/'
    || 'event_history'::regclass::oid, pg_snapshot_xmin(pg_current_snapshot())
from pg_control_system() c join pg_database d on d.datname = current_database();

create table event_compaction (
    id smallint primary key check (id = 1),
    history smallint not null,
    xid xid8 not null,
    seq bigint not null
);

insert into event_compaction (id, history, xid, seq) values (1, 0, '0', 0);

drop index session_event_by_age;

alter table session_event drop constraint session_event_pkey, add column history smallint not null default 1;

alter table session_event alter column history drop default, add primary key (account_id, history, xid, seq);

-- An expression, so that a read of one account's events never takes this index of all accounts for its own.
create index session_event_in_order on session_event ((history::integer), xid, seq);

create index session_event_of_session on session_event (account_id, session_id);

insert into session_event (account_id, history, session_id, kind, at)
select s.account_id, 1, s.id, 'RECORDED', s.updated_at
from session s
where not exists (select from session_event e where e.account_id = s.account_id and e.session_id = s.id)
order by s.updated_at, s.account_id, s.id;
