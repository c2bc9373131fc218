-- What a career asks for, and which skill of the school's catalogue that is: the one with the same id, else the one with the same title.
with asked as (
    select career.tenant, career.career_key, need.skill_id, need.title, need.importance, need.level
    from {{ ref('dim_career') }} as career
    join {{ source('catalogue', 'career_skill') }} as need
        on career.tenant = need.tenant and career.career_key = need.tenant || ':' || need.career_id
    where not career.is_example
    union all
    select career.tenant, career.career_key, need.skill_id, need.title, need.importance, need.level
    from {{ ref('dim_career') }} as career
    join {{ ref('career_skill') }} as need on career.career_key = career.tenant || ':' || need.career_id
    where career.is_example
),

taught as (
    select tenant, skill_id, lower(trim(title)) as name
    from {{ source('catalogue', 'skill') }}
),

titled as (
    select tenant, name, min(skill_id) as skill_id
    from taught
    group by all
)

select
    asked.tenant,
    asked.career_key,
    asked.skill_id,
    asked.title,
    cast(asked.importance as integer) as importance,
    asked.level,
    asked.tenant || ':' || coalesce(same.skill_id, titled.skill_id) as skill_key
from asked
left join taught as same on asked.tenant = same.tenant and asked.skill_id = same.skill_id
left join titled on asked.tenant = titled.tenant and lower(trim(asked.title)) = titled.name
