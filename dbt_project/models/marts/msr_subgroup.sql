-- A group that is small stays so by subtraction, too: where one group alone is small, the next smallest is marked with it.
with student as (
    select measure.*, person.grade, section.subject, attendance.is_chronically_absent
    from {{ ref('msr_student') }} as measure
    join {{ ref('dim_person') }} as person using (tenant, person_key)
    join {{ ref('int_section') }} as section on section.tenant = measure.tenant and section.section_key = measure.section_key
    left join {{ ref('msr_attendance') }} as attendance
        on attendance.tenant = measure.tenant and attendance.person_key = measure.person_key
        and attendance.school_key = measure.school_key and attendance.session_key = measure.session_key
    where measure.is_enrolled and measure.school_key is not null and measure.session_key is not null
),

member as (
    {% for dimension, value in [
        ('grade', "coalesce(grade, 'unknown')"),
        ('subject', "coalesce(subject, 'unknown')"),
        ('repeating', "case when is_repeating then 'repeats the course' else 'first time' end"),
        ('joined', "case when is_late_joiner then 'after the start' else 'from the start' end"),
    ] -%}
    select '{{ dimension }}' as dimension, {{ value }} as subgroup, student.* from student
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

person as ( -- one row per person in the group, however many classes: nobody weighs twice
    select
        tenant,
        school_key,
        session_key,
        dimension,
        subgroup,
        person_key,
        bool_and(is_inactive) as is_inactive,
        sum(mean_score * score_count) / nullif(sum(score_count), 0) as mean_score,
        sum(done_count) / nullif(sum(task_count), 0) as completion_share,
        any_value(is_chronically_absent) as is_chronically_absent
    from member
    group by all
),

grouped as (
    select
        tenant,
        school_key,
        session_key,
        dimension,
        subgroup,
        count(*) as student_count,
        count_if(is_inactive) / count(*) as inactive_share,
        avg(mean_score) as mean_score,
        avg(completion_share) as completion_share,
        count_if(is_chronically_absent) / nullif(count(is_chronically_absent), 0) as chronic_absence_share
    from person
    group by all
),

ranked as (
    select
        *,
        count_if(student_count < {{ var('small_group_size') }}) over (partition by tenant, school_key, session_key, dimension) as small_count,
        row_number() over (
            partition by tenant, school_key, session_key, dimension, student_count < {{ var('small_group_size') }}
            order by student_count, subgroup
        ) as size_rank
    from grouped
)

select
    tenant,
    school_key,
    session_key,
    dimension,
    subgroup,
    cast(student_count as integer) as student_count,
    student_count < {{ var('small_group_size') }} or (small_count = 1 and size_rank = 1) as is_small,
    cast(inactive_share as double) as inactive_share,
    cast(mean_score as double) as mean_score,
    cast(completion_share as double) as completion_share,
    cast(chronic_absence_share as double) as chronic_absence_share
from ranked
