-- Things that point to nothing, or that nothing points to, counted by rule with an example: each row is something to mend in roster or catalogue.
with person as (select * from {{ ref('dim_person') }}),
enrolment as (select * from {{ ref('brg_enrolment') }}),
class as (select * from {{ ref('dim_class') }}),
activity as (select * from {{ ref('dim_activity') }}),

orphan as (
    select enrolment.tenant, 'enrolment_without_person' as rule, enrolment.section_key || ' ' || enrolment.person_key as thing
    from enrolment anti join person using (tenant, person_key)
    union all
    select tenant, 'student_without_class', person_key
    from person anti join enrolment using (tenant, person_key)
    where role = 'student' and is_rostered and is_active
    union all
    select tenant, 'class_without_session', section_key from class where session_key is null and not is_discovered
    union all
    select tenant, 'class_without_school', section_key from class where school_key is null
    union all
    select class.tenant, 'class_without_teacher', class.section_key
    from class
    anti join (select tenant, section_key from enrolment where role = 'teacher') as taught using (tenant, section_key)
    where class.is_running and not class.is_discovered
    union all
    select activity.tenant, 'task_without_class', activity.activity_key
    from activity
    anti join {{ ref('fct_task') }} as task using (tenant, activity_key)
    where activity.due_date is not null
    union all
    select content.tenant, 'content_without_parent', content.content_key
    from {{ ref('dim_content') }} as content
    where content.kind <> 'course' and content.parent_content_key is null
)

select tenant, rule, cast(count(*) as bigint) as thing_count, min(thing) as example_key
from orphan
group by all
