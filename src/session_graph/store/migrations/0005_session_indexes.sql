-- A page of a list in each of the four usual orders, for the account and for an agent. The two by start carry what a dashboard sums.

create index session_by_start on session (account_id, started_at, id)
include (is_test, is_archived, is_lead, is_opportunity, lead_value, asr, additional_deals, is_success, assessment, conversation_quality);

create index session_by_agent_start on session (account_id, agent_id, started_at, id)
include (is_test, is_archived, is_lead, is_opportunity, lead_value, asr, additional_deals, is_success, assessment, conversation_quality);

create index session_by_update on session (account_id, updated_at, id);

create index session_by_agent_update on session (account_id, agent_id, updated_at, id);

create index session_by_asr on session (account_id, asr, id);

create index session_by_agent_asr on session (account_id, agent_id, asr, id);

create index session_by_lead_value on session (account_id, lead_value, id);

create index session_by_agent_lead_value on session (account_id, agent_id, lead_value, id);

-- What partners look up.

create index session_by_external_id on session (account_id, external_id, started_at, id) where external_id is not null;

create index session_by_integration on session (account_id, integration, started_at, id);

-- The filters of a reviewer's day, newest first.

create index session_live on session (account_id, started_at, id) where not is_test;

create index session_tests on session (account_id, started_at, id) where is_test;

create index session_leads on session (account_id, started_at, id) where is_lead;

create index session_opportunities on session (account_id, started_at, id) where is_opportunity;

create index session_todo on session (account_id, started_at, id) where is_todo;

create index session_archived on session (account_id, started_at, id) where is_archived;

create index session_reviewed on session (account_id, started_at, id) where human_assessment is not null;

create index session_by_assessment on session (account_id, assessment, started_at, id);

create index session_by_auto_assessment on session (account_id, auto_assessment, started_at, id);

create index session_by_type on session (account_id, session_type, started_at, id);

create index session_by_quality on session (account_id, conversation_quality, started_at, id) where conversation_quality is not null;

-- Part of a name or a number, where the server offers trigrams.

do $$
begin
    if exists (select from pg_available_extensions where name = 'pg_trgm') then
        create extension if not exists pg_trgm;
        create index session_contact_trigrams on session using gin (contact_folded gin_trgm_ops);
        create index session_phone_trigrams on session using gin (phone_digits gin_trgm_ops);
    end if;
exception when insufficient_privilege then
    raise notice 'pg_trgm is offered but may not be created here; searching goes without its indexes';
end
$$;
