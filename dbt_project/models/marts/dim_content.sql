-- The catalogue's tree. Ids of different kinds may be equal, so a node's key says its kind.
with node as (
    select tenant, 'course:' || course_id as content_id, cast(null as varchar) as parent_id, 'course' as kind, title, cast(null as integer) as position, course_id, cast(null as varchar) as iri
    from {{ source('catalogue', 'course') }}
    union all
    select tenant, 'unit:' || unit_id, 'course:' || course_id, 'unit', title, position, course_id, null
    from {{ source('catalogue', 'unit') }}
    union all
    select lesson.tenant, 'lesson:' || lesson.lesson_id, 'unit:' || lesson.unit_id, 'lesson', lesson.title, lesson.position, unit.course_id, null
    from {{ source('catalogue', 'lesson') }} as lesson
    left join {{ source('catalogue', 'unit') }} as unit using (tenant, unit_id)
    union all
    select
        activity.tenant,
        'activity:' || activity.activity_id,
        coalesce('lesson:' || activity.lesson_id, 'course:' || activity.course_id),
        'activity',
        activity.title,
        activity.week,
        coalesce(activity.course_id, unit.course_id),
        activity.iri
    from {{ source('catalogue', 'activity') }} as activity
    left join {{ source('catalogue', 'lesson') }} as lesson on lesson.tenant = activity.tenant and lesson.lesson_id = activity.lesson_id
    left join {{ source('catalogue', 'unit') }} as unit on unit.tenant = activity.tenant and unit.unit_id = lesson.unit_id
)

select
    node.tenant,
    node.tenant || ':' || node.content_id as content_key,
    parent.tenant || ':' || parent.content_id as parent_content_key,
    node.kind,
    node.title,
    cast(node.position as integer) as position,
    node.tenant || ':' || node.course_id as course_key,
    {{ activity_key('node.tenant', 'node.iri') }} as activity_key
from node
left join node as parent on parent.tenant = node.tenant and parent.content_id = node.parent_id
