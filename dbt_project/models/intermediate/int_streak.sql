{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_streak', 'slice_keys': ['tenant', 'person_key'], 'slice_if': 'target.first_date >= slice.from_date'}) }}
-- Runs of active days between which no Monday to Friday went by without activity: a free weekend ends nothing.
{%- set touched = is_incremental() and touched_only() %}
with day as (
    select
        day.tenant,
        day.person_key,
        day.occurred_date,
        {{ 'touched.streaks_before' if touched else '0' }} as streaks_before,
        lag(day.occurred_date) over (partition by day.tenant, day.person_key order by day.occurred_date) as day_before
    from {{ ref('int_person_day') }} as day
    {% if touched -%}
    join {{ ref('int_touched_streak') }} as touched
        on touched.tenant = day.tenant and touched.person_key = day.person_key and day.occurred_date >= touched.from_date
    where day.occurred_date >= {{ earliest(ref('int_touched_streak'), 'from_date', 'date') }}
    {%- endif %}
    -- depends on {{ ref('int_touched_streak') }}
),

numbered as (
    select
        *,
        streaks_before + count_if(day_before is null or {{ weekdays_between('day_before', 'occurred_date') }} > 0)
            over (partition by tenant, person_key order by occurred_date) as streak_number
    from day
)

select tenant, person_key, streak_number, min(occurred_date) as first_date, max(occurred_date) as last_date
from numbered
group by all
