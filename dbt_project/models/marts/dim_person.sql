with seen as (
    select tenant, person_key, min(occurred_at) as first_seen_at, max(occurred_at) as last_seen_at
    from {{ ref('fct_statement') }}
    where not is_voided and person_key is not null
        and event in (select event from {{ ref('event_map') }} where is_activity)
    group by all
),

refused as (
    select tenant, person_key, list(purpose) as purposes from {{ source('people', 'refusal') }} group by all
)

select
    person.tenant,
    person.person_key,
    person.school_key,
    person.role,
    person.grade,
    coalesce(person.kind = 'rostered', false) as is_rostered,
    coalesce(person.is_active, true) as is_active,
    coalesce(person.is_generated, false) as is_generated,
    not coalesce(list_contains(refused.purposes, 'prediction'), false) as allows_prediction,
    not coalesce(list_contains(refused.purposes, 'leaderboard'), false) as allows_leaderboard,
    seen.first_seen_at,
    seen.last_seen_at
from {{ source('people', 'person') }} as person
left join seen using (tenant, person_key)
left join refused using (tenant, person_key)
