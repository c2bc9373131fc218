{%- set events = "('launched', 'initialized', 'completed', 'passed', 'failed', 'terminated', 'abandoned', 'waived', 'satisfied', 'suspended', 'resumed', 'progressed')" -%}
{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_activity', 'slice_keys': ['tenant', 'person_key', 'activity_key'], 'slice_if': 'slice.event in ' ~ events}) }}
-- cmi5: one registration is one attempt; without registrations there is one. Passed once is passed. Satisfied: the LMS says so or waives it,
-- or what moveOn asks for has happened.
with said as (
    select
        statement.*,
        staged.registration,
        staged.session_id,
        staged.progress,
        staged.mastery_score,
        staged.move_on,
        row(statement.occurred_at, statement.seq) as moment
    from {{ ref('fct_statement') }} as statement
    join {{ ref('stg_statement') }} as staged using (tenant, seq)
    where statement.event in {{ events }} and not statement.is_voided
        and statement.person_key is not null and statement.activity_key is not null
    and {{ only_touched(ref('int_touched_activity'), ['tenant', 'person_key', 'activity_key'], 'event in ' ~ events, of='statement') }}
),

attempt as (
    select
        tenant,
        person_key,
        arg_max(school_key, seq) as school_key,
        arg_max(section_key, seq) as section_key,
        arg_max(course_key, seq) as course_key,
        activity_key,
        registration,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at,
        cast(greatest(count(distinct session_id), count_if(event = 'launched')) as integer) as session_count,
        coalesce(bool_or(event = 'completed'), false) as is_completed,
        case when bool_or(event = 'passed') then true when bool_or(event = 'failed') then false end as is_passed,
        coalesce(bool_or(event = 'abandoned'), false) as is_abandoned,
        coalesce(bool_or(event = 'waived'), false) as is_waived,
        coalesce(bool_or(event = 'satisfied'), false) as is_said_satisfied,
        arg_max(score_scaled, moment) filter (score_scaled is not null) as score_scaled,
        arg_max(mastery_score, moment) filter (mastery_score is not null) as mastery_score,
        arg_max(move_on, moment) filter (move_on is not null) as move_on,
        max(progress) as progress,
        coalesce(sum(duration_seconds) filter (event = 'terminated'), 0) / 60 as minutes_spent
    from said
    group by tenant, person_key, activity_key, registration
)

select
    tenant,
    person_key,
    school_key,
    section_key,
    course_key,
    activity_key,
    cast(row_number() over (partition by tenant, person_key, activity_key order by first_at, registration) as integer) as attempt_number,
    first_at,
    last_at,
    session_count,
    is_completed,
    is_passed,
    is_abandoned,
    is_waived,
    is_said_satisfied or is_waived or coalesce(
        case move_on
            when 'Passed' then is_passed
            when 'Completed' then is_completed
            when 'CompletedAndPassed' then is_completed and is_passed
            when 'CompletedOrPassed' then is_completed or is_passed
            when 'NotApplicable' then true
        end,
        false
    ) as is_satisfied,
    score_scaled,
    mastery_score,
    move_on,
    progress,
    minutes_spent
from attempt
