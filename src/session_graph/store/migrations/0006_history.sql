-- What people changed: one row for each field of each change. Written in the transaction of the change.

create table session_change (
    account_id uuid not null,
    session_id uuid not null,
    version integer not null,
    field text collate "C" not null,
    before text,
    after text,
    changed_at timestamptz not null,
    changed_by text not null,
    primary key (account_id, session_id, version, field),
    foreign key (account_id, session_id) references session (account_id, id),
    check (before is distinct from after)
);
