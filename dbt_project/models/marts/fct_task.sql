with section as (select * from {{ ref('int_section') }}),

task as ( -- with section_id: due in that section; without: in all sections of its course
    select section.tenant, section.section_key, section.as_of_date, activity.activity_key, activity.due_date, activity.weight
    from {{ due_assessments(ref('dim_activity'), source('catalogue', 'activity')) }}
    group by all
),

handed_in as ( -- the first hand-in keeps the deadline, the newest score holds; what comes after as_of has not happened yet
    select
        result.tenant,
        result.person_key,
        result.section_key,
        result.activity_key,
        min(result.submitted_date) as submitted_date,
        bool_or(result.is_banked) as is_banked,
        arg_max( -- a mark goes before what the hand-in itself says
            coalesce(case when cast(result.graded_at as date) <= section.as_of_date then result.graded_score_scaled end, result.score_scaled),
            row(result.submitted_at, result.statement_id)
        ) as score_scaled
    from {{ ref('fct_assessment_result') }} as result
    join section using (tenant, section_key)
    where result.submitted_date <= section.as_of_date
    group by all
)

select
    task.tenant,
    enrolment.person_key,
    enrolment.school_key,
    task.section_key,
    enrolment.course_key,
    task.activity_key,
    task.due_date,
    task.weight,
    handed_in.submitted_date,
    cast(handed_in.score_scaled as double) as score_scaled,
    case
        when handed_in.is_banked then 'banked'
        when handed_in.submitted_date <= task.due_date then 'on_time'
        when handed_in.submitted_date is not null then 'late'
        when task.due_date < task.as_of_date then 'overdue'
        else 'open'
    end as state,
    cast(task.due_date - task.as_of_date as integer) as days_left
from task
join {{ ref('brg_enrolment') }} as enrolment using (tenant, section_key)
left join handed_in using (tenant, person_key, section_key, activity_key)
where enrolment.role = 'student'
    and ( -- nobody owes what was due before they came or after they left
        handed_in.submitted_date is not null
        or task.due_date between coalesce(enrolment.begin_date, date '0001-01-01') and coalesce(enrolment.end_date, date '9999-12-31')
    )
