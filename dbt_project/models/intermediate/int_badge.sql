{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_day', 'slice_keys': ['tenant', 'person_key']}) }}
-- The day on which each badge of the seed was reached.
with so_far as (
    select
        tenant,
        person_key,
        occurred_date,
        row_number() over days as active_days,
        sum(correct_count) over days as right_answers
    from {{ ref('int_person_day') }}
    where {{ only_touched(ref('int_touched_day'), ['tenant', 'person_key']) }}
    window days as (partition by tenant, person_key order by occurred_date)
),

streak_day as ( -- active days of a streak, with the Mondays to Fridays from its first day on
    select so_far.tenant, so_far.person_key, so_far.occurred_date, {{ weekdays_up_to('so_far.occurred_date', 'streak.first_date') }} as streak_days
    from so_far
    join {{ ref('int_streak') }} as streak
        on streak.tenant = so_far.tenant and streak.person_key = so_far.person_key
        and so_far.occurred_date between streak.first_date and streak.last_date
),

reached as (
    select tenant, person_key, occurred_date, 'active_days' as measure, active_days as value from so_far
    union all
    select tenant, person_key, occurred_date, 'right_answers', right_answers from so_far
    union all
    select tenant, person_key, occurred_date, 'streak_days', streak_days from streak_day
)

select reached.tenant, reached.person_key, badge.badge, min(reached.occurred_date) as earned_date
from reached
join {{ ref('badge') }} as badge on badge.measure = reached.measure and reached.value >= badge.threshold
group by all
