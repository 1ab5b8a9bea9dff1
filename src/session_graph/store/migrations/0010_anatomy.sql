-- How a session went, and what its source calls it.

alter table session
    add column source text collate "C",
    add column source_id text collate "C",
    add column direction text collate "C" check (direction in ('INBOUND', 'OUTBOUND')),
    add column end_reason text collate "C",
    add column language text collate "C",
    add column recording_url text collate "C",
    add column agent_contact text collate "C",
    add column metadata jsonb not null default '{}',
    add check (source_id is null or source is not null);

create unique index session_by_source on session (account_id, source, source_id) where source_id is not null;

-- What an amendment decides again from: facts that the decisions hide, and the agent's attributes at first close. Null
-- where a session was recorded before these columns.

alter table session
    add column intent_to_buy boolean,
    add column stated_test boolean,
    add column stated_lead_value numeric,
    add column terms_id uuid;

create table agent_terms (
    account_id uuid not null,
    id uuid not null,
    agent_id uuid not null,
    terms jsonb not null,
    primary key (account_id, id),
    foreign key (account_id, agent_id) references agent (account_id, id)
);

-- When the source knew each field of a session, as the records say that name a time.

create table fact_times (
    account_id uuid not null,
    session_id uuid not null,
    times jsonb not null,
    primary key (account_id, session_id),
    foreign key (account_id, session_id) references session (account_id, id)
);

-- A person set the field, or it followed from what a person set, or an amendment changed it.

alter table session_change
    add column kind text collate "C" not null default 'SET' check (kind in ('SET', 'FOLLOWED', 'AMENDED'));
