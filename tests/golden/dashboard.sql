with b as (
    select null::uuid as subject,
        s.agent_id, s.asr, s.assessment, s.is_lead, s.is_success, s.lead_value, s.session_type, s.started_at
    from session s
    where s.account_id = $1
    and (s.started_at >= $4)
    and (s.started_at < $5)
    and (not s.is_test)
    and (not s.is_archived)
), p as (
    select null::uuid as subject,
        s.agent_id, s.asr, s.assessment, s.is_lead, s.is_success, s.lead_value, s.session_type, s.started_at
    from session s
    where s.account_id = $1
    and (not s.is_test)
    and (not s.is_archived)
    and (s.started_at >= $6)
    and (s.started_at < $7)
)
select b.subject, 'totals' as block,
    null::text as key,
    null::integer as bucket,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from b
group by 1
union all
select b.subject, 'DAY' as block,
    null::text as key,
    width_bucket(b.started_at, $3::timestamptz[]) as bucket,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from b
group by 1, 4
union all
select b.subject, 'AGENT' as block,
    a.idn::text as key,
    null::integer as bucket,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from b
join agent a on a.account_id = $1
and a.id = b.agent_id
group by 1, 3
union all
select b.subject, 'SESSION_TYPE' as block,
    b.session_type::text as key,
    null::integer as bucket,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from b
group by 1, 3
union all
select b.subject, 'previous' as block,
    null::text as key,
    null::integer as bucket,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from p b
group by 1
