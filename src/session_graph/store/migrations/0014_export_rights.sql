-- What an export reads, the runs that the quotas count, and the end of a mail's link.

-- The session columns that the file rests on: its own, and those that filter and order read. Null: only the role that made it.
alter table session_export add column reads text[];

-- One key may name several exports, of which each right sees its own. A request looks for its key under the account's lock.
drop index session_export_once;

create index session_export_by_key on session_export (account_id, identity, idempotency_key)
where idempotency_key is not null;

-- When the link in the mail ends, if earlier than the file.
alter table export_delivery add column link_expires_at timestamptz;

-- Each time that an export was queued, by a request or a retry.
create table export_run (
    account_id uuid not null,
    export_id uuid not null,
    identity text not null,
    at timestamptz not null,
    is_retry boolean not null,
    primary key (account_id, export_id, at)
);

create index export_run_by_account on export_run (account_id, at);

create index export_run_by_time on export_run (at);

insert into export_run (account_id, export_id, identity, at, is_retry)
select e.account_id, e.id, e.identity, e.requested_at, false
from session_export e
where e.requested_at > now() - interval '1 day';
