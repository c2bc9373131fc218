with counted as (
    select
        day.tenant,
        day.person_key,
        day.school_key,
        day.session_key,
        count(*) as day_count,
        count_if(day.is_missed) as missed_count,
        count_if(day.is_missed and day.is_excused) as excused_count,
        count_if(day.is_late) as late_count
    from {{ ref('int_attendance_day') }} as day
    join {{ ref('dim_academic_session') }} as session using (tenant, session_key)
    where day.attendance_date <= session.as_of_date
    group by all
)

select
    tenant,
    person_key,
    school_key,
    session_key,
    cast(day_count as integer) as day_count,
    cast(missed_count as integer) as missed_count,
    cast(excused_count as integer) as excused_count,
    cast(late_count as integer) as late_count,
    cast(missed_count / day_count as double) as absence_rate,
    case -- compared as counts: a tenth has no exact double
        when day_count >= {{ var('chronic_absence_min_days') }}
            then cast(missed_count as decimal(18, 6)) >= cast({{ var('chronic_absence_rate') }} as decimal(18, 6)) * day_count
    end as is_chronically_absent
from counted
