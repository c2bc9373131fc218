with catalogued as (
    select tenant, skill_id, title, subject, tenant || ':' || course_id as course_key
    from {{ source('catalogue', 'skill') }}
),

skill_set as ( -- every skill and combination that anything names
    select tenant, skill_ids from {{ ref('int_skill_set') }}
    union
    select tenant, list_sort(list(distinct skill_id)) from {{ source('catalogue', 'activity_skill') }} group by tenant, activity_iri
    union
    select tenant, [skill_id] from catalogued
    union
    select tenant, [unnest([skill_id, prerequisite_skill_id])] from {{ source('catalogue', 'prerequisite') }}
),

every_set as ( -- the parts of a combination are skills as well
    select tenant, skill_ids from skill_set
    union
    select tenant, [skill_id] from (select tenant, unnest(skill_ids) as skill_id from skill_set)
),

part as (
    select tenant, skill_ids, unnest(skill_ids) as skill_id from every_set
)

select
    part.tenant,
    {{ skill_key('part.tenant', 'part.skill_ids') }} as skill_key,
    string_agg(coalesce(catalogued.title, part.skill_id), ' + ' order by part.skill_id) as title,
    case when count(distinct catalogued.subject) = 1 then min(catalogued.subject) end as subject,
    case when count(distinct catalogued.course_key) = 1 then min(catalogued.course_key) end as course_key,
    len(part.skill_ids) > 1 as is_combination,
    list_transform(part.skill_ids, lambda id: part.tenant || ':' || id) as component_skill_keys
from part
left join catalogued on catalogued.tenant = part.tenant and catalogued.skill_id = part.skill_id
group by part.tenant, part.skill_ids
