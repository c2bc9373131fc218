with span as (
    select tenant, min(start_date) as first_date, max(coalesce(end_date, as_of_date)) as last_date
    from {{ ref('dim_academic_session') }}
    where start_date is not null
    group by all
),

day as (select tenant, cast(unnest(generate_series(first_date, last_date, interval 1 day)) as date) as calendar_date from span)

select
    day.tenant,
    day.calendar_date,
    cast(isoyear(day.calendar_date) as integer) as iso_year,
    cast(weekofyear(day.calendar_date) as integer) as iso_week,
    cast(isodow(day.calendar_date) as integer) as weekday,
    isodow(day.calendar_date) <= 5 as is_weekday,
    cast(date_trunc('month', day.calendar_date) as date) as month_start_date,
    cast(count(session.session_key) as integer) as session_count,
    day.calendar_date <= {{ as_of() }} as is_past
from day
left join {{ ref('dim_academic_session') }} as session
    on session.tenant = day.tenant and day.calendar_date between session.start_date and coalesce(session.end_date, date '9999-12-31')
group by day.tenant, day.calendar_date
