-- Student in section, and from when on fct_session is computed anew: the start of the session that may reach into the first touched day.
{%- if not touched_only() %}
select tenant, person_key, section_key, cast(null as timestamp) as from_at
from {{ ref('int_touched') }} where false
-- depends on, when touched: {{ ref('event_map') }}
{%- else %}
with touched as (
    select tenant, person_key, section_key, min(from_date) as from_date
    from {{ ref('int_touched') }}
    where section_key is not null and event in (select event from {{ ref('event_map') }} where is_activity)
    group by all
)

select
    touched.tenant,
    touched.person_key,
    touched.section_key,
    coalesce(max(before.started_at), cast(touched.from_date as timestamp)) as from_at
from touched
left join {{ last_build('fct_session') }} as before
    on before.tenant = touched.tenant and before.person_key = touched.person_key and before.section_key = touched.section_key
    and before.started_at < touched.from_date
    and before.ended_at >= touched.from_date - to_minutes({{ var('session_gap_minutes') }})
group by touched.tenant, touched.person_key, touched.section_key, touched.from_date
{%- endif %}
