-- Reports. An export's row is its job; what belongs to it hangs on it without foreign keys, as jobs are claimed across accounts.

create table export_recipient (
    account_id uuid not null references account (id),
    recipient text collate "C" not null,
    primary key (account_id, recipient)
);

create table session_export (
    account_id uuid not null,
    id uuid not null,
    -- as it was asked for
    requested_by text not null,
    identity text not null,
    requester jsonb not null,
    requested_at timestamptz not null,
    stored_filter jsonb not null,
    filter_now timestamptz not null,
    order_field text not null,
    direction text not null,
    columns text[] not null,
    time_zone text,
    time_zone_label text not null,
    escape_formulas boolean not null,
    idempotency_key text,
    content_hash bytea not null,
    -- the job
    status text not null
        check (status in ('QUEUED', 'RUNNING', 'SENDING', 'DONE', 'FAILED', 'CANCELLED', 'EXPIRED')),
    attempts integer not null default 0,
    run_at timestamptz not null,
    claims integer not null default 0,
    lease_until timestamptz,
    -- what came of it
    as_of timestamptz,
    row_count integer,
    rows_written integer not null default 0,
    bytes bigint,
    sha256 text,
    file_claim integer,
    has_chunks boolean not null default false,
    error text,
    finished_at timestamptz,
    expires_at timestamptz,
    primary key (account_id, id)
);

create unique index session_export_once on session_export (account_id, identity, idempotency_key)
where idempotency_key is not null;

create index session_export_by_request on session_export (account_id, requested_at, id);

create index session_export_queue on session_export (run_at) where status in ('QUEUED', 'RUNNING', 'SENDING');

create index session_export_running on session_export (account_id) where status = 'RUNNING';

create index session_export_expiry on session_export (expires_at) where status in ('DONE', 'FAILED');

create index session_export_swept on session_export (account_id, id)
where has_chunks and status in ('FAILED', 'CANCELLED', 'EXPIRED');

create table export_chunk (
    account_id uuid not null,
    export_id uuid not null,
    claim integer not null,
    position integer not null,
    data bytea not null,
    primary key (account_id, export_id, claim, position)
);

alter table export_chunk alter column data set storage external;

create table export_delivery (
    account_id uuid not null,
    export_id uuid not null,
    recipient text collate "C" not null,
    status text not null check (status in ('WAITING', 'ACCEPTED', 'REFUSED', 'GIVEN_UP')),
    attempts integer not null default 0,
    run_at timestamptz not null,
    at timestamptz,
    error text,
    primary key (account_id, export_id, recipient)
);

create table export_download (
    account_id uuid not null,
    export_id uuid not null,
    at timestamptz not null,
    by text not null
);

create index export_download_by_export on export_download (account_id, export_id, at);

create table signing_key (
    id integer primary key check (id = 1),
    secret bytea not null
);
