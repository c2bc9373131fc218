{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_day', 'slice_keys': ['tenant', 'person_key']}) }}
-- Runs of active days between which no Monday to Friday went by without activity: a free weekend ends nothing.
with day as (
    select
        tenant,
        person_key,
        occurred_date,
        lag(occurred_date) over (partition by tenant, person_key order by occurred_date) as day_before
    from {{ ref('int_person_day') }}
    where {{ only_touched(ref('int_touched_day'), ['tenant', 'person_key']) }}
),

numbered as (
    select
        *,
        count_if(day_before is null or {{ weekdays_between('day_before', 'occurred_date') }} > 0)
            over (partition by tenant, person_key order by occurred_date) as streak_number
    from day
)

select tenant, person_key, streak_number, min(occurred_date) as first_date, max(occurred_date) as last_date
from numbered
group by all
