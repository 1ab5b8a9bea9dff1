-- Saved views: a filter, an order and columns under a name, of the key or token that saved them.

create table saved_view (
    account_id uuid not null references account (id),
    id uuid not null,
    identity text collate "C" not null,
    owner text not null,
    name text not null check (name <> ''),
    is_shared boolean not null,
    stored_filter jsonb not null,
    order_field text not null,
    direction text not null,
    columns text[] not null check (columns <> '{}'),
    updated_at timestamptz not null default now(),
    primary key (account_id, id)
);

create unique index saved_view_by_name on saved_view (account_id, identity, name);
