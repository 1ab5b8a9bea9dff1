-- Places and turns, by which accounts share the workers; and what an export's file and its end are known by.

alter table session_export add column place integer, add column chunk_count integer;

-- An account's running exports have different places, from 1 to the number that may run.
create unique index session_export_place on session_export (account_id, place) where status = 'RUNNING';

create index session_export_ended on session_export (coalesce(finished_at, requested_at))
where status in ('DONE', 'FAILED', 'CANCELLED', 'EXPIRED');

-- When an account last had its turn.
create table export_turn (
    account_id uuid not null,
    task text not null check (task in ('WRITE', 'SEND')),
    at timestamptz not null,
    primary key (account_id, task)
);
