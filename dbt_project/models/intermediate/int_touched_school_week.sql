-- School, session and the first week from which msr_school_week is computed anew: where the touched students are now, and where the
-- last run counted them.
{%- if not touched_only() %}
select distinct tenant, school_key, session_key, 0 as from_week
from {{ ref('int_section') }} where school_key is not null and session_key is not null
-- depends on, when touched: {{ ref('int_touched_week') }}
{%- else %}
with touched as (select * from {{ ref('int_touched_week') }}),

place as (
    select touched.tenant, section.school_key, section.session_key, touched.from_week
    from touched join {{ ref('int_section') }} as section using (tenant, section_key)
    union all
    select touched.tenant, measure.school_key, measure.session_key, touched.from_week
    from touched join {{ last_build('msr_student_week') }} as measure using (tenant, person_key, section_key)
    where measure.week_index >= touched.from_week
)

select tenant, school_key, session_key, min(from_week) as from_week
from place
where school_key is not null and session_key is not null
group by all
{%- endif %}
