-- Person, activity and event whose facts this run computes anew; the person is null where nobody knows the actor.
with change as (select * from {{ ref('int_statement_change') }})

select distinct tenant, person_key, activity_key, event
from (
    select tenant, person_key, activity_key, event from change
    union all
    select tenant, person_key_before, activity_key, event_before from change
)
where activity_key is not null and event is not null
