{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_day', 'slice_keys': ['tenant', 'person_key', 'occurred_date']}) }}
-- What a person did on a day, in all sections and outside of them.
select
    tenant,
    person_key,
    occurred_date,
    count(*) as event_count,
    count_if(event = 'answered' and success) as correct_count
from {{ ref('fct_statement') }}
where person_key is not null and not is_voided
    and event in (select event from {{ ref('event_map') }} where is_activity)
    and {{ only_touched(ref('int_touched_day'), ['tenant', 'person_key', 'occurred_date']) }}
group by all
