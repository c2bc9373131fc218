-- Person, section and event whose facts this run computes anew, with the earliest day that is touched.
with change as (select * from {{ ref('int_statement_change') }})

select
    tenant,
    person_key,
    section_key,
    event,
    min(least(occurred_date, coalesce(meeting_date, occurred_date))) as from_date
from (
    select tenant, person_key, section_key, event, occurred_date, meeting_date from change
    union all
    select tenant, person_key_before, section_key_before, event_before, occurred_date, meeting_date from change
)
where person_key is not null and event is not null
group by all
