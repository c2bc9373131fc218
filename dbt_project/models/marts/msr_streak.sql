with streak as ( -- what comes after as_of has not happened yet
    select
        tenant,
        person_key,
        least(last_date, {{ as_of() }}) as last_date,
        {{ weekdays_up_to('least(last_date, ' ~ as_of() ~ ')', 'first_date') }} as streak_days
    from {{ ref('int_streak') }}
    where first_date <= {{ as_of() }}
),

measured as (
    select
        tenant,
        person_key,
        max(last_date) as last_active_date,
        max(streak_days) as longest_days,
        arg_max(streak_days, last_date) as newest_days
    from streak
    group by all
)

select
    measured.tenant,
    measured.person_key,
    person.school_key,
    measured.last_active_date,
    -- today counts once it is over: whoever has not been there yet today has lost nothing
    cast(
        case
            when measured.last_active_date = {{ as_of() }} then measured.newest_days
            when {{ weekdays_between('measured.last_active_date', as_of()) }} > 0 then 0
            else measured.newest_days
        end as integer
    ) as current_days,
    cast(measured.longest_days as integer) as longest_days
from measured
join {{ ref('dim_person') }} as person using (tenant, person_key)
