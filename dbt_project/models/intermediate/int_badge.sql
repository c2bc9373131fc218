{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_streak', 'slice_keys': ['tenant', 'person_key'], 'slice_if': 'target.earned_date >= slice.from_date'}) }}
-- The day on which each badge of the seed was reached.
{%- set touched = is_incremental() and touched_only() %}
with
{%- if touched %} touched as (select * from {{ ref('int_touched_streak') }}),

earlier as (
    select day.tenant, day.person_key, count(*) as active_days, sum(day.correct_count) as right_answers
    from {{ ref('int_person_day') }} as day
    join touched on touched.tenant = day.tenant and touched.person_key = day.person_key and day.occurred_date < touched.from_date
    group by all
),
{%- endif %}

so_far as (
    select
        day.tenant,
        day.person_key,
        day.occurred_date,
        row_number() over days{{ ' + coalesce(earlier.active_days, 0)' if touched }} as active_days,
        sum(day.correct_count) over days{{ ' + coalesce(earlier.right_answers, 0)' if touched }} as right_answers
    from {{ ref('int_person_day') }} as day
    {% if touched -%}
    join touched on touched.tenant = day.tenant and touched.person_key = day.person_key and day.occurred_date >= touched.from_date
    left join earlier on earlier.tenant = day.tenant and earlier.person_key = day.person_key
    where day.occurred_date >= {{ earliest(ref('int_touched_streak'), 'from_date', 'date') }}
    {%- endif %}
    -- depends on {{ ref('int_touched_streak') }}
    window days as (partition by day.tenant, day.person_key order by day.occurred_date)
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
{% if touched -%}
where not exists ( -- earned before the days that are told anew
    select 1
    from {{ this }} as known
    join touched on touched.tenant = known.tenant and touched.person_key = known.person_key and known.earned_date < touched.from_date
    where known.tenant = reached.tenant and known.person_key = reached.person_key and known.badge = badge.badge
)
{% endif -%}
group by all
