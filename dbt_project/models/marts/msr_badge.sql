select
    earned.tenant,
    earned.person_key,
    person.school_key,
    earned.badge,
    badge.title,
    earned.earned_date
from {{ ref('int_badge') }} as earned
join {{ ref('badge') }} as badge using (badge)
join {{ ref('dim_person') }} as person using (tenant, person_key)
where earned.earned_date <= {{ as_of() }}
