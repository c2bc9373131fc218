-- Person and the place, in the order of responses, from which on fct_attempt is numbered anew.
with change as (select * from {{ ref('int_statement_change') }}),

moved as (
    select tenant, person_key, {{ response_place('source_sequence', 'occurred_at') }} as place from change where event = 'answered'
    union all
    select tenant, person_key_before, {{ response_place('source_sequence', 'occurred_at') }} from change where event_before = 'answered'
)

select tenant, person_key, min(place).source_sequence as from_sequence, min(place).occurred_at as from_at
from moved
where person_key is not null
group by tenant, person_key
