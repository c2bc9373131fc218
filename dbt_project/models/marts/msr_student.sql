with section as (select * from {{ ref('int_section') }}),

task as (
    select
        tenant,
        person_key,
        section_key,
        count(*) as task_count,
        count_if(state in ('on_time', 'late', 'banked')) as done_count,
        count_if(state = 'overdue') as overdue_count
    from {{ ref('fct_task') }}
    group by all
),

student as (
    select
        enrolment.*,
        section.as_of_date,
        greatest(coalesce(enrolment.begin_date, section.start_date), section.start_date) as first_date,
        coalesce(enrolment.end_date, date '9999-12-31') >= section.as_of_date and (enrolment.is_active or not section.is_running) as is_enrolled
    from {{ ref('brg_enrolment') }} as enrolment
    join section using (tenant, section_key)
    where enrolment.role = 'student' and section.start_date <= section.as_of_date
        and coalesce(enrolment.begin_date, section.start_date) <= section.as_of_date
),

joined as (
    select
        student.*,
        total.* exclude (tenant, person_key, section_key),
        task.* exclude (tenant, person_key, section_key),
        -- who has just come is not inactive yet: the days count from the first on which there was something to do
        student.as_of_date - case
            when total.last_active_date is null then student.first_date
            else greatest(least(total.last_active_date, student.as_of_date), student.first_date)
        end as days_since_active
    from student
    left join {{ ref('int_student_section') }} as total using (tenant, person_key, section_key)
    left join task using (tenant, person_key, section_key)
)

select
    tenant,
    person_key,
    school_key,
    section_key,
    course_key,
    session_key,
    as_of_date,
    is_enrolled,
    cast(coalesce(active_days, 0) as integer) as active_days,
    cast(coalesce(minutes_active, 0) as double) as minutes_active,
    last_active_date,
    cast(days_since_active as integer) as days_since_active,
    is_enrolled and days_since_active >= {{ var('inactive_days') }} as is_inactive,
    cast(coalesce(attempt_count, 0) as integer) as attempt_count,
    cast(coalesce(correct_count, 0) as integer) as correct_count,
    cast(score_sum / nullif(score_count, 0) as double) as mean_score,
    cast(coalesce(score_count, 0) as integer) as score_count,
    cast(coalesce(task_count, 0) as integer) as task_count,
    cast(coalesce(done_count, 0) as integer) as done_count,
    cast(coalesce(overdue_count, 0) as integer) as overdue_count,
    cast(done_count / nullif(task_count, 0) as double) as completion_share,
    cast(done_count as decimal(18, 6)) >= cast({{ var('completion_share') }} as decimal(18, 6)) * nullif(task_count, 0) as is_completed,
    coalesce(prior_attempts > 0, false) as is_repeating,
    coalesce(days_late_registered > 0, false) as is_late_joiner
from joined
