select
    tenant,
    session_key,
    title,
    type,
    start_date,
    end_date,
    start_date is not null and {{ as_of() }} between start_date and coalesce(end_date, date '9999-12-31') as is_running,
    least({{ as_of() }}, coalesce(end_date, {{ as_of() }})) as as_of_date
from {{ source('people', 'academic_session') }}
