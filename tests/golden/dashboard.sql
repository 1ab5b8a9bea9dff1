select null::uuid as subject,
    grouping(b.day, b.agent_id, b.session_type) as block,
    b.day::text as day, (
    select a.idn
    from agent a
    where a.account_id = $1
    and a.id = b.agent_id
) as agent_id,
    b.session_type::text as session_type,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from (
    select null::uuid as subject,
        s.agent_id, s.asr, s.assessment, s.is_lead, s.is_success, s.lead_value, s.session_type, s.started_at,
        width_bucket(s.started_at, $3::timestamptz[]) as day
    from session s
    where s.account_id = $1
    and (s.started_at >= $4)
    and (s.started_at < $5)
    and (not s.is_test)
    and (not s.is_archived)
) b
group by grouping sets ((b.day), (b.agent_id), (b.session_type), ())
union all
select b.subject, null as block,
    null as day,
    null as agent_id,
    null as session_type,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from (
    select null::uuid as subject,
        s.agent_id, s.asr, s.assessment, s.is_lead, s.is_success, s.lead_value, s.session_type, s.started_at
    from session s
    where s.account_id = $1
    and (not s.is_test)
    and (not s.is_archived)
    and (s.started_at >= $6)
    and (s.started_at < $7)
) b
group by 1
