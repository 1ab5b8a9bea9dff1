-- Who there is: accounts and their keys. A directory, not tenant data: looked up before the account is known.

create table account (
    id uuid primary key,
    idn text collate "C" not null unique check (idn ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    name text not null check (name <> ''),
    currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
    money_scale integer not null default 2 check (money_scale between 0 and 4),
    time_zone text not null default 'UTC',
    created_at timestamptz not null default now()
);

create table api_key (
    id uuid primary key,
    account_id uuid not null references account (id),
    name text not null check (name <> ''),
    role text not null check (role in ('BUILDER', 'PORTAL', 'PARTNER', 'RECORDER', 'ADMIN')),
    prefix text collate "C" not null unique,
    secret_hash bytea not null check (length(secret_hash) = 32),
    integrations text[] not null default '{}',
    agents text[] not null default '{}',
    email text,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    check (role <> 'PARTNER' or integrations <> '{}')
);

create index api_key_by_account on api_key (account_id, created_at);
