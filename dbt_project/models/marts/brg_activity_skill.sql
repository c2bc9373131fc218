-- What the catalogue says; for activities that it does not know, what the newest statement with skills says.
with catalogued as (
    select distinct tenant, {{ activity_key('tenant', 'activity_iri') }} as activity_key, tenant || ':' || skill_id as skill_key
    from {{ source('catalogue', 'activity_skill') }}
)

select tenant, activity_key, skill_key from catalogued
union all
select observed.tenant, observed.activity_key, observed.tenant || ':' || unnest(observed.skill_ids)
from {{ ref('int_activity') }} as observed
anti join catalogued using (tenant, activity_key)
where observed.skill_ids is not null
