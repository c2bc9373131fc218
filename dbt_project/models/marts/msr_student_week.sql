{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_week', 'slice_keys': ['tenant', 'person_key', 'section_key'],
  'slice_if': 'target.week_index >= slice.from_week'}) }}
-- depends on {{ ref("int_touched_school_week") }}, which reads what this table was before
-- Each fact counts in the week of its own day and in no other; only last_active_date looks back. So a run computes a
-- student's weeks from the first touched one on, and needs of the earlier ones the last active day only.
{%- set touched = is_incremental() and touched_only() %}
{%- if touched %}
{%- set known_before %}(
    select
        touched.*,
        before.last_active_date,
        case
            when before.week_index is null then date '0001-01-01'
            else before.week_end_date + 1
        end as from_date
    from {{ ref('int_touched_week') }} as touched
    left join {{ this }} as before
        on before.tenant = touched.tenant and before.person_key = touched.person_key and before.section_key = touched.section_key
        and before.week_index = touched.from_week - 1
){% endset %}
{%- set first_day = earliest(known_before, 'from_date', 'date') %}
{%- else %}
{%- set known_before = ref('int_touched_week') %}
{%- endif %}
with touched as (select * from {{ known_before }}),
section as (select * from {{ ref('int_section') }} where start_date is not null),

student as (
    select
        enrolment.tenant,
        enrolment.person_key,
        enrolment.section_key,
        section.school_key,
        section.course_key,
        section.session_key,
        section.start_date,
        section.newest_week,
        section.complete_week,
        coalesce(enrolment.begin_date, section.start_date) as begin_date,
        touched.from_week{% if touched %},
        touched.from_date,
        touched.last_active_date
        {%- endif %}
    from {{ ref('brg_enrolment') }} as enrolment
    join touched using (tenant, person_key, section_key)
    join section on section.tenant = enrolment.tenant and section.section_key = enrolment.section_key
    where enrolment.role = 'student'
),

week as (
    select *, cast(start_date + 7 * cast(week_index as integer) - 1 as date) as week_end_date
    from (select *, unnest(range(from_week, newest_week + 1)) as week_index from student)
    where begin_date <= cast(start_date + 7 * cast(week_index as integer) - 1 as date)
),

activity as ( -- where no earlier week is known, what comes before from_week is kept in one row at from_week - 1
    select
        student.tenant,
        student.person_key,
        student.section_key,
        greatest({{ week_index('statement.occurred_date', 'student.start_date') }}, student.from_week - 1) as week_index,
        count(*) as event_count,
        sum(statement.clicks) as click_count,
        count(distinct statement.occurred_date) as active_days,
        sum(
            case when statement.duration_seconds is not null then least(statement.duration_seconds, 60 * {{ var('session_gap_minutes') }}) end
        ) / 60 as minutes_active,
        count_if(statement.event = 'viewed') as view_count,
        count_if(starts_with(statement.event, 'video_')) as video_count,
        max(statement.occurred_date) as last_day
    from {{ ref('fct_statement') }} as statement
    join student using (tenant, person_key, section_key)
    anti join (select tenant, statement_id from {{ ref('fct_assessment_result') }} where is_banked) as banked
        on banked.tenant = statement.tenant and banked.statement_id = statement.statement_id
    where not statement.is_voided
        and statement.event in (select event from {{ ref('event_map') }} where is_activity)
        {% if touched -%}
        and statement.occurred_date >= student.from_date
        and statement.occurred_date >= {{ first_day }}
        {%- endif %}
    group by all
),

last_active as (
    select
        tenant,
        person_key,
        section_key,
        week_index,
        max(last_day) over (partition by tenant, person_key, section_key order by week_index) as last_active_date
    from (
        select tenant, person_key, section_key, week_index, last_day from activity
        {% if touched -%}
        union all
        select tenant, person_key, section_key, from_week - 1, last_active_date from student where last_active_date is not null
        {%- endif %}
    )
),

login as (
    select tenant, person_key, section_key, week_index, count(*) as login_count
    from (
        select student.tenant, student.person_key, student.section_key, {{ week_index('statement.occurred_date', 'student.start_date') }} as week_index
        from (
            select tenant, person_key, section_key, occurred_date
            from {{ ref('fct_statement') }}
            where event = 'logged_in' and not is_voided and person_key is not null
        ) as statement
        join student
            on student.tenant = statement.tenant
            and student.person_key = statement.person_key
            and case
                when statement.section_key is null then statement.occurred_date >= student.start_date -- week 0 is open to the past
                else statement.section_key = student.section_key
            end
    )
    group by all
),

attempt as (
    select
        student.tenant,
        student.person_key,
        student.section_key,
        {{ week_index('cast(attempt.responded_at as date)', 'student.start_date') }} as week_index,
        count(*) as attempt_count,
        count_if(attempt.is_correct) as correct_count,
        count(distinct attempt.skill_key) as skill_count
    from {{ ref('fct_attempt') }} as attempt
    join student using (tenant, person_key, section_key)
    {% if touched -%}
    where attempt.responded_at >= {{ first_day }}
    {%- endif %}
    group by all
),

assessment as ( -- with section_id: due in that section; without: in all sections of its course
    select
        section.tenant,
        section.section_key,
        activity.activity_key,
        activity.weight,
        {{ week_index('activity.due_date', 'section.start_date') }} as week_index,
        cast(section.start_date + 7 * cast({{ week_index('activity.due_date', 'section.start_date') }} as integer) - 1 as date) as week_end_date
    from {{ due_assessments(ref('dim_activity'), source('catalogue', 'activity')) }}
),

due as (
    select tenant, section_key, week_index, count(*) as due_count, sum(weight) as due_weight
    from assessment
    group by all
),

result as (
    select
        student.tenant,
        student.person_key,
        student.section_key,
        {{ week_index('result.submitted_date', 'student.start_date') }} as week_index,
        result.* exclude (tenant, person_key, section_key, school_key, course_key)
    from {{ ref('fct_assessment_result') }} as result
    join student using (tenant, person_key, section_key)
),

submission as (
    select
        tenant,
        person_key,
        section_key,
        week_index,
        count_if(not is_banked) as submitted_count,
        count_if(not is_banked and days_late > 0) as submitted_late_count,
        sum(-days_late) filter (not is_banked) as days_early_sum,
        sum(score_scaled) filter (not is_banked) as score_sum,
        count(score_scaled) filter (not is_banked) as score_count,
        sum(weight * score_scaled) filter (not is_banked) as weighted_score_sum,
        sum(weight) filter (not is_banked and score_scaled is not null) as score_weight_sum,
        count_if(is_banked) as banked_count
    from result
    group by all
),

on_time as (
    select result.tenant, result.person_key, result.section_key, assessment.week_index, count(distinct result.activity_key) as on_time_due_count
    from result
    join assessment using (tenant, section_key, activity_key)
    where not result.is_banked and result.submitted_date <= assessment.week_end_date
    group by all
),

attendance as (
    select
        student.tenant,
        student.person_key,
        student.section_key,
        {{ week_index('attendance.attendance_date', 'student.start_date') }} as week_index,
        count(*) as meeting_count,
        count_if(attendance.status = 'absent') as absent_count,
        count_if(attendance.status = 'excused') as excused_count,
        count_if(attendance.status = 'late') as late_count
    from {{ ref('fct_attendance') }} as attendance
    join student using (tenant, person_key, section_key)
    group by all
),

registration as (
    select
        statement.tenant,
        statement.person_key,
        statement.section_key,
        arg_max(staged.prior_attempts, statement.seq) as prior_attempts,
        arg_max(staged.studied_credits, statement.seq) as studied_credits
    from {{ ref('fct_statement') }} as statement
    join {{ ref('stg_statement') }} as staged using (tenant, seq)
    where statement.event = 'registered' and not statement.is_voided
    group by all
)

select
    week.tenant,
    week.person_key,
    week.school_key,
    week.section_key,
    week.course_key,
    week.session_key,
    cast(week.week_index as integer) as week_index,
    case when week.week_index > 0 then cast(week.week_end_date - 6 as date) end as week_start_date,
    week.week_end_date,
    week.week_index <= week.complete_week as is_complete,
    {% for column in ['event_count', 'click_count', 'active_days'] -%}
    cast(coalesce(activity.{{ column }}, 0) as integer) as {{ column }},
    {% endfor -%}
    cast(coalesce(activity.minutes_active, 0) as double) as minutes_active,
    cast(coalesce(login.login_count, 0) as integer) as login_count,
    cast(coalesce(activity.view_count, 0) as integer) as view_count,
    cast(coalesce(activity.video_count, 0) as integer) as video_count,
    cast(coalesce(attempt.attempt_count, 0) as integer) as attempt_count,
    cast(coalesce(attempt.correct_count, 0) as integer) as correct_count,
    cast(coalesce(attempt.skill_count, 0) as integer) as skill_count,
    cast(coalesce(due.due_count, 0) as integer) as due_count,
    cast(coalesce(due.due_weight, 0) as double) as due_weight,
    {% for column in ['submitted_count', 'submitted_late_count', 'days_early_sum'] -%}
    cast(coalesce(submission.{{ column }}, 0) as integer) as {{ column }},
    {% endfor -%}
    cast(coalesce(on_time.on_time_due_count, 0) as integer) as on_time_due_count,
    cast(coalesce(submission.score_sum, 0) as double) as score_sum,
    cast(coalesce(submission.score_count, 0) as integer) as score_count,
    cast(coalesce(submission.weighted_score_sum, 0) as double) as weighted_score_sum,
    cast(coalesce(submission.score_weight_sum, 0) as double) as score_weight_sum,
    cast(coalesce(submission.banked_count, 0) as integer) as banked_count,
    {% for column in ['meeting_count', 'absent_count', 'excused_count', 'late_count'] -%}
    cast(coalesce(attendance.{{ column }}, 0) as integer) as {{ column }},
    {% endfor -%}
    last_active.last_active_date,
    cast(week.start_date - week.begin_date as integer) as days_before_start_registered,
    registration.prior_attempts,
    registration.studied_credits
from week
left join activity using (tenant, person_key, section_key, week_index)
asof left join last_active
    on last_active.tenant = week.tenant and last_active.person_key = week.person_key and last_active.section_key = week.section_key
    and last_active.week_index <= week.week_index
left join login using (tenant, person_key, section_key, week_index)
left join attempt using (tenant, person_key, section_key, week_index)
left join due on due.tenant = week.tenant and due.section_key = week.section_key and due.week_index = week.week_index
left join submission using (tenant, person_key, section_key, week_index)
left join on_time using (tenant, person_key, section_key, week_index)
left join attendance using (tenant, person_key, section_key, week_index)
left join registration using (tenant, person_key, section_key)
