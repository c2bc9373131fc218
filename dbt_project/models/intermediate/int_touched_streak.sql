-- Person and the day from which on streaks and badges are told anew: the first of the streak that was running before the first touched day.
{%- if not touched_only() %}
select tenant, person_key, occurred_date as from_date, cast(0 as bigint) as streaks_before
from {{ ref('int_touched_day') }} where false
{%- else %}
with touched as (select tenant, person_key, min(occurred_date) as from_date from {{ ref('int_touched_day') }} group by all)

select
    touched.tenant,
    touched.person_key,
    coalesce(max(before.first_date), touched.from_date) as from_date,
    coalesce(max(before.streak_number) - 1, 0) as streaks_before
from touched
left join {{ last_build('int_streak', schema='intermediate') }} as before
    on before.tenant = touched.tenant and before.person_key = touched.person_key and before.first_date < touched.from_date
group by touched.tenant, touched.person_key, touched.from_date
{%- endif %}
