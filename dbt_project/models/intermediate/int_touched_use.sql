-- Person, section and activity of which a statement is new, voided or somebody else's now: those uses are counted anew.
select distinct tenant, person_key, section_key, activity_key
from (
    select tenant, person_key, section_key, activity_key, event from {{ ref('int_statement_change') }}
    union all
    select tenant, person_key_before, section_key_before, activity_key, event_before from {{ ref('int_statement_change') }}
)
where person_key is not null and section_key is not null and activity_key is not null and {{ is_use('event') }}
