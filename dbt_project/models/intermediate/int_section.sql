-- Sections with their course and the calendar of their session at as_of.
with section as (select * from {{ source('people', 'section') }}),
course as (select * from {{ source('people', 'course') }}),
academic_session as (select * from {{ ref('dim_academic_session') }})

select
    section.tenant,
    section.section_key,
    section.course_key,
    section.school_key,
    section.session_key,
    section.title,
    section.iri,
    coalesce(section.is_discovered, false) as is_discovered,
    course.title as course_title,
    course.subject,
    coalesce(section.grade, course.grade) as grade,
    academic_session.title as session_title,
    academic_session.start_date,
    academic_session.end_date,
    coalesce(academic_session.is_running, false) as is_running,
    coalesce(academic_session.as_of_date, {{ as_of() }}) as as_of_date,
    case
        when academic_session.start_date is null then null
        else {{ week_index('academic_session.as_of_date', 'academic_session.start_date') }}
    end as newest_week,
    case -- the newest week whose last day has passed; -1: not even week 0 is over
        when academic_session.start_date is null then null
        when {{ as_of() }} > academic_session.end_date
            then {{ week_index('academic_session.end_date', 'academic_session.start_date') }}
        when {{ as_of() }} < academic_session.start_date then -1
        else ({{ as_of() }} - academic_session.start_date) // 7
    end as complete_week
from section
left join course using (tenant, course_key)
left join academic_session using (tenant, session_key)
