with rostered as (select * from {{ source('people', 'course') }}),
catalogued as (
    select *, tenant || ':' || course_id as course_key from {{ source('catalogue', 'course') }}
)

select
    coalesce(rostered.tenant, catalogued.tenant) as tenant,
    coalesce(rostered.course_key, catalogued.course_key) as course_key,
    rostered.school_key,
    coalesce(rostered.title, catalogued.title) as title,
    coalesce(rostered.subject, catalogued.subject) as subject,
    coalesce(rostered.grade, catalogued.grade) as grade,
    coalesce(rostered.is_discovered, false) as is_discovered
from rostered
full join catalogued on catalogued.tenant = rostered.tenant and catalogued.course_key = rostered.course_key
