-- Sources, whose webhooks an inlet takes, and what was delivered there.

create table source (
    account_id uuid not null references account (id),
    id uuid not null,
    name text collate "C" not null check (name <> ''),
    -- the part of the inlet's address that cannot be guessed
    token bytea not null check (length(token) = 20),
    mapping text not null,
    -- of a mapping that is not shipped
    mapping_text text,
    agent_map jsonb not null,
    unknown_agents text not null check (unknown_agents in ('create', 'refuse')),
    -- without a secret, an API key authenticates the sender
    secret bytea,
    created_at timestamptz not null default now(),
    primary key (account_id, id)
);

create unique index source_by_name on source (account_id, name);

create unique index source_by_token on source (account_id, token);

-- A delivery's row is its job. It hangs on its source without a foreign key, as jobs are claimed across accounts.
create table inlet_delivery (
    account_id uuid not null,
    id uuid not null,
    source_id uuid not null,
    digest bytea not null check (length(digest) = 32),
    payload bytea not null,
    received_at timestamptz not null default now(),
    outcome text not null default 'WAITING' check (outcome in ('WAITING', 'RECORDED', 'IGNORED', 'FAILED')),
    -- when it is due; of one that is claimed, when its lease ends
    run_at timestamptz not null default now(),
    attempts integer not null default 0,
    claims integer not null default 0,
    finished_at timestamptz,
    session_ids uuid[] not null default '{}',
    problems jsonb not null default '[]',
    warnings jsonb not null default '[]',
    primary key (account_id, id)
);

create unique index inlet_delivery_once on inlet_delivery (account_id, source_id, digest);

create index inlet_delivery_queue on inlet_delivery (run_at, id) where outcome = 'WAITING';

create index inlet_delivery_by_time on inlet_delivery (account_id, received_at, id);

create index inlet_delivery_age on inlet_delivery (received_at);

-- When an account last had its turn.
create table inlet_turn (
    account_id uuid primary key,
    at timestamptz not null
);
