-- What happened to sessions lately, for those who follow them: one row for each session of a writing transaction, in the
-- order of the transactions' numbers. Without foreign keys: a log that is soon gone, written beside its sessions.

create table session_event (
    account_id uuid not null,
    xid xid8 not null default pg_current_xact_id(),
    seq bigint not null generated always as identity,
    session_id uuid not null,
    kind text collate "C" not null check (kind in ('RECORDED', 'CHANGED')),
    at timestamptz not null default now(),
    primary key (account_id, xid, seq)
);

create index session_event_by_age on session_event (at);
