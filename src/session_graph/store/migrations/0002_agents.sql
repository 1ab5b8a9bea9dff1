-- The AI employees of an account, with what their figures are made of.

create table agent (
    account_id uuid not null references account (id),
    id uuid not null,
    idn text collate "C" not null check (idn <> ''),
    name text not null check (name <> ''),
    industry text,
    time_zone text not null,
    working_hours jsonb not null default '{}',
    redirection text not null default 'AGENT_FIRST' check (redirection in ('AGENT_FIRST', 'OVERFLOW')),
    conversion_ratio numeric not null default 1 check (conversion_ratio between 0 and 1),
    recognition numeric not null default 1 check (recognition between 0 and 1),
    average_lead_value numeric check (average_lead_value >= 0),
    unit_name text,
    unit_value numeric check (unit_value >= 0),
    test_contacts text[] not null default '{}',
    short_under_seconds integer not null default 60 check (short_under_seconds >= 0),
    long_from_seconds integer not null default 300,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (account_id, id),
    unique (account_id, idn),
    check (long_from_seconds >= short_under_seconds)
);
