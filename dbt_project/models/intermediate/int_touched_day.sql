-- Person and UTC day of which a statement is new, voided or somebody else's now.
select distinct tenant, person_key, occurred_date
from (
    select tenant, person_key, occurred_date from {{ ref('int_statement_change') }}
    union all
    select tenant, person_key_before, occurred_date from {{ ref('int_statement_change') }}
)
where person_key is not null
