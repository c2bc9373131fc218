with section as (select * from {{ ref('int_section') }}),

student as ( -- enrolled on the section's as_of_date
    select enrolment.tenant, enrolment.section_key, count(*) as student_count
    from {{ ref('brg_enrolment') }} as enrolment
    join section using (tenant, section_key)
    where enrolment.role = 'student'
        and (enrolment.is_active or not section.is_running)
        and coalesce(enrolment.begin_date, date '0001-01-01') <= section.as_of_date
        and coalesce(enrolment.end_date, date '9999-12-31') >= section.as_of_date
    group by all
)

select
    section.tenant,
    section.section_key,
    section.course_key,
    section.school_key,
    section.session_key,
    section.title,
    section.course_title,
    section.subject,
    section.grade,
    section.session_title,
    section.start_date,
    section.end_date,
    section.is_running,
    section.as_of_date,
    cast(section.newest_week as integer) as current_week,
    cast(coalesce(student.student_count, 0) as integer) as student_count,
    section.is_discovered
from section
left join student using (tenant, section_key)
