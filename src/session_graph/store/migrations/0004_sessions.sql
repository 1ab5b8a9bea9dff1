-- The record of every conversation: facts as they were reported, decisions as they fell at close, figures as they follow.

create table session (
    account_id uuid not null,
    id uuid not null,
    agent_id uuid not null,
    -- as reported
    channel text not null check (channel in ('VOICE', 'SMS', 'CHAT')),
    started_at timestamptz not null,
    ended_at timestamptz not null,
    session_type text collate "C",
    integration text collate "C",
    connector text collate "C",
    external_id text collate "C",
    contact_name text,
    phone text collate "C",
    phone_display text collate "C",
    email text collate "C",
    other_contact text,
    summary text,
    refused boolean not null,
    unavailable boolean not null,
    units numeric,
    auto_assessment text collate "C" check (auto_assessment in ('YES_A', 'YES_B', 'NO')),
    actual_result text,
    expected_result text,
    utms jsonb not null,
    content_hash bytea not null,
    -- in force when it closed
    potential_value numeric not null check (potential_value >= 0),
    conversion_rate numeric not null check (conversion_rate between 0 and 1),
    recognition numeric not null check (recognition between 0 and 1),
    money_scale integer not null,
    working_hours boolean not null,
    session_length text collate "C" not null check (session_length in ('SHORT', 'REGULAR', 'LONG')),
    -- set at close, then by people
    is_lead boolean not null,
    is_opportunity boolean not null,
    is_test boolean not null,
    is_todo boolean not null,
    is_done boolean not null default false,
    is_archived boolean not null default false,
    human_assessment text collate "C" check (human_assessment in ('YES_A', 'YES_B', 'NO')),
    conversation_quality smallint check (conversation_quality between 1 and 5),
    comment text,
    tags text[] not null,
    -- as searching and ordering see the texts
    session_type_folded text collate "C",
    external_id_folded text collate "C",
    contact_folded text collate "C",
    summary_folded text collate "C",
    comment_folded text collate "C",
    phone_digits text collate "C" generated always as (regexp_replace(phone, '[^0-9]', '', 'g')) stored,
    -- figures
    duration_seconds integer not null generated always as (floor(extract(epoch from ended_at - started_at))::integer) stored,
    assessment text collate "C" generated always as (assessment_of(human_assessment, auto_assessment)) stored,
    is_success boolean not null generated always as (success_of(human_assessment, auto_assessment)) stored,
    lead_value numeric not null generated always as (lead_value_of(is_lead, potential_value, money_scale)) stored,
    asr numeric not null generated always as (
        asr_of(
            lead_value_of(is_lead, potential_value, money_scale), is_opportunity, conversion_rate,
            success_of(human_assessment, auto_assessment), recognition, is_test, money_scale
        )
    ) stored,
    additional_deals numeric not null generated always as (
        additional_deals_of(
            is_opportunity, conversion_rate, success_of(human_assessment, auto_assessment), recognition
        )
    ) stored,
    -- bookkeeping
    version integer not null default 1,
    recorded_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (account_id, id),
    foreign key (account_id, agent_id) references agent (account_id, id),
    check (ended_at >= started_at),
    check (is_lead or not is_opportunity)
);

create table transcript (
    account_id uuid not null,
    session_id uuid not null,
    turns jsonb not null,
    primary key (account_id, session_id),
    foreign key (account_id, session_id) references session (account_id, id)
);

alter table session set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
