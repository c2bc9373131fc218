-- What statements and weeks are resolved against, one row per thing, and whether it differs from what the last complete run saw.
with section as (select * from {{ ref('int_section') }}),

fingerprint as (

    select 'identifier' as kind, tenant, identifier_key as key, '' as key_2, person_key as value
    from {{ source('people', 'identifier') }}

    union all
    select 'person', tenant, person_key, '', coalesce(school_key, '-')
    from {{ source('people', 'person') }}

    union all
    select 'course', tenant, iri, '', string_agg(cast(row(course_key, school_key, is_discovered) as varchar), ',' order by course_key)
    from {{ source('people', 'course') }} where iri is not null group by all

    union all
    select 'section', tenant, coalesce(iri, section_key), section_key, cast(row(course_key, school_key, is_discovered) as varchar)
    from section

    union all
    select
        'enrolment', enrolment.tenant, enrolment.person_key, enrolment.section_key,
        cast(row(
            enrolment.role, enrolment.begin_date, enrolment.end_date, enrolment.is_active,
            section.course_key, section.school_key, section.session_key, section.grade, section.start_date, section.end_date
        ) as varchar)
    from {{ ref('brg_enrolment') }} as enrolment
    join section using (tenant, section_key)

    union all
    select 'calendar', tenant, section_key, '', cast(complete_week as varchar) || '/' || cast(newest_week as varchar)
    from section where newest_week is not null

)

select
    kind,
    tenant,
    key,
    key_2,
    fingerprint.value as value,
    done.value as value_before,
    fingerprint.value is distinct from done.value as is_changed
from fingerprint
full join intermediate.run_fingerprint as done using (kind, tenant, key, key_2)
