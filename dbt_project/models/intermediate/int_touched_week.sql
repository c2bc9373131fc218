-- Student in section and the first week from which msr_student_week is computed anew.
{%- if not touched_only() %}
select tenant, person_key, section_key, 0 as from_week
from {{ ref('brg_enrolment') }} where role = 'student'
-- depends on, when touched: {{ ref('int_touched') }} {{ ref('int_fingerprint') }} {{ ref('int_section') }}
{%- else %}
with touched as (select * from {{ ref('int_touched') }}),
section as (select * from {{ ref('int_section') }}),
enrolment as (select * from {{ ref('brg_enrolment') }}),
difference as (select * from {{ ref('int_fingerprint') }} where is_changed),

touched_section as (
    select tenant, person_key, section_key, from_date, event from touched where section_key is not null
    union all -- a log-in that names no course counts in all the person's sections
    select touched.tenant, touched.person_key, enrolment.section_key, touched.from_date, touched.event
    from touched join enrolment using (tenant, person_key)
    where touched.section_key is null and touched.event = 'logged_in'
),

week as (
    select
        touched_section.tenant,
        touched_section.person_key,
        touched_section.section_key,
        case
            when touched_section.event = 'registered' then 0 -- its extensions are on every week's row
            else {{ week_index('touched_section.from_date', 'section.start_date') }}
        end as from_week
    from touched_section
    join section using (tenant, section_key)
    where section.start_date is not null

    union all
    select tenant, key, key_2, 0 from difference where kind = 'enrolment'

    union all
    select
        enrolment.tenant,
        enrolment.person_key,
        enrolment.section_key,
        greatest(0, 1 + coalesce(
            least(cast(split_part(difference.value, '/', 1) as integer), cast(split_part(difference.value_before, '/', 1) as integer)), -1))
    from difference
    join enrolment on difference.kind = 'calendar' and enrolment.tenant = difference.tenant and enrolment.section_key = difference.key
)

select tenant, person_key, section_key, min(from_week) as from_week
from week
group by all
{%- endif %}
