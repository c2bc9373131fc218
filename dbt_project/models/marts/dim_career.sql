-- The school's own careers (careers.csv of its catalogue); a school without any has the example's.
with own as (
    select tenant, career_id, title, description, false as is_example
    from {{ source('catalogue', 'career') }}
),

example as (
    select school.tenant, career.career_id, career.title, career.description, true as is_example
    from (select distinct tenant from {{ source('catalogue', 'skill') }}) as school
    cross join {{ ref('career') }} as career
    where school.tenant not in (select tenant from own)
)

select tenant, tenant || ':' || career_id as career_key, title, description, is_example
from (from own union all from example)
