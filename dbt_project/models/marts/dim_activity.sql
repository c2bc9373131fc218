with catalogued as (
    select *, {{ activity_key('tenant', 'iri') }} as activity_key
    from {{ source('catalogue', 'activity') }}
    qualify row_number() over (partition by tenant, iri order by activity_id) = 1
),

observed as (select * from {{ ref('int_activity') }}),
lesson as (select * from {{ source('catalogue', 'lesson') }}),
unit as (select * from {{ source('catalogue', 'unit') }}),
known as (select tenant, activity_key from catalogued union select tenant, activity_key from observed),

course_by_iri as (
    select tenant, iri as course_iri, arg_min(course_key, row(coalesce(is_discovered, false), course_key)) as course_key
    from {{ source('people', 'course') }} where iri is not null group by all
),

joined as (
    select
        known.tenant,
        known.activity_key,
        coalesce(catalogued.iri, observed.iri) as iri,
        coalesce(catalogued.title, observed.title) as title,
        coalesce(catalogued.type, observed.type) as type,
        coalesce(
            known.tenant || ':' || coalesce(catalogued.course_id, unit.course_id), course_by_iri.course_key
        ) as course_key,
        unit.title as unit_title,
        lesson.title as lesson_title,
        {{ activity_key('known.tenant', 'coalesce(catalogued.parent_iri, observed.parent_iri)') }} as parent_activity_key,
        catalogued.due_date,
        catalogued.weight,
        catalogued.duration_minutes
    from known
    left join catalogued using (tenant, activity_key)
    left join observed using (tenant, activity_key)
    left join lesson on lesson.tenant = known.tenant and lesson.lesson_id = catalogued.lesson_id
    left join unit on unit.tenant = known.tenant and unit.unit_id = lesson.unit_id
    left join course_by_iri on course_by_iri.tenant = known.tenant and course_by_iri.course_iri = observed.course_iri
)

select
    joined.tenant,
    joined.activity_key,
    joined.iri,
    joined.title,
    joined.type,
    joined.course_key,
    joined.unit_title,
    joined.lesson_title,
    parent.activity_key as parent_activity_key,
    joined.due_date,
    joined.weight,
    joined.duration_minutes
from joined
left join known as parent on parent.tenant = joined.tenant and parent.activity_key = joined.parent_activity_key
