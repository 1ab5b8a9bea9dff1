select b.subject as subject,
    0 as block,
    count(*) as total_session_count,
    round(coalesce(sum(b.lead_value), 0), $2::integer) as total_lead_value,
    round(coalesce(sum(b.asr), 0), $2::integer) as total_asr,
    trim_scale((count(*) filter (where b.is_lead and b.is_success and b.assessment is not null))::numeric /
    nullif((count(*) filter (where b.is_lead and b.assessment is not null))::numeric, 0)) as
    lead_success_score
from (
    select s.agent_id as subject,
        s.asr, s.assessment, s.is_lead, s.is_success, s.lead_value
    from session s
    where s.account_id = $1
    and (s.started_at >= $3 and s.started_at < $4)
    and (not s.is_test)
    and (not s.is_archived)
    and s.agent_id = any($5)
) b
group by grouping sets ((b.subject))
