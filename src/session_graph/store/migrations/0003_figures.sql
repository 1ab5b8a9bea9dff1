-- One function for each derived figure. A changed formula is a migration that rewrites its column.

create function lead_value_of(is_lead boolean, potential_value numeric, money_scale integer)
returns numeric
language sql immutable parallel safe
begin atomic
    select round(case when is_lead then potential_value else 0 end, money_scale);
end;

create function assessment_of(human_assessment text, auto_assessment text)
returns text
language sql immutable parallel safe
begin atomic
    select coalesce(human_assessment, auto_assessment);
end;

create function success_of(human_assessment text, auto_assessment text)
returns boolean
language sql immutable parallel safe
begin atomic
    select coalesce(coalesce(human_assessment, auto_assessment) in ('YES_A', 'YES_B'), false);
end;

create function asr_of(
    lead_value numeric, is_opportunity boolean, conversion_rate numeric, is_success boolean,
    recognition numeric, is_test boolean, money_scale integer
)
returns numeric
language sql immutable parallel safe
begin atomic
    select round(
        case when is_opportunity and is_success and not is_test then lead_value * conversion_rate * recognition else 0 end,
        money_scale
    );
end;

create function additional_deals_of(
    is_opportunity boolean, conversion_rate numeric, is_success boolean, recognition numeric
)
returns numeric
language sql immutable parallel safe
begin atomic
    select case when is_opportunity and is_success then conversion_rate * recognition else 0 end;
end;
