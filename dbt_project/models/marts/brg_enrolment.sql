-- Several enrolments of one person in one section (left and came back) are one row: from the first day to the last,
-- with the role of the newest. An absent date means that the roster leaves that end open.
with enrolment as (
    select *, row(coalesce(is_active, true), coalesce(begin_date, date '0001-01-01'), role) as recency
    from {{ source('people', 'enrolment') }}
),

merged as (
    select
        tenant,
        section_key,
        person_key,
        arg_max(role, recency) as role,
        case when count(begin_date) = count(*) then min(begin_date) end as begin_date,
        case when count(end_date) = count(*) then max(end_date) end as end_date,
        bool_or(coalesce(is_active, true)) as is_active
    from enrolment
    group by all
)

select
    merged.tenant,
    merged.section_key,
    merged.person_key,
    section.school_key,
    section.course_key,
    section.session_key,
    merged.role,
    merged.begin_date,
    merged.end_date,
    merged.is_active
from merged
join {{ source('people', 'section') }} as section using (tenant, section_key)
