-- Statements that are new or mean something else than before, resolved: who, where, what. On a rebuild: all of them.
-- person_key_before .. event_before say what fct_statement held of them, so that what they leave behind is recomputed as well.
-- depends on {{ ref('int_fingerprint') }}
{%- set touched = touched_only() %}
with staged as (select *, coalesce(thread_iri <> object_id, false) as is_reply from {{ ref('stg_statement') }}),
section as (select * from {{ ref('int_section') }}),
enrolment as (select * from {{ ref('brg_enrolment') }}),
identifier as (select tenant, identifier_key as actor_key, min(person_key) as person_key from {{ source('people', 'identifier') }} group by all),
person as (select tenant, person_key, school_key from {{ source('people', 'person') }}),

course_by_iri as ( -- a rostered course before a discovered one of the same address
    select tenant, iri as course_iri, arg_min(course_key, row(coalesce(is_discovered, false), course_key)) as course_key
    from {{ source('people', 'course') }} where iri is not null group by all
),

section_by_iri as (
    select tenant, iri as section_iri, arg_min(section_key, row(is_discovered, section_key)) as section_key
    from section where iri is not null group by all
),

discovered_section as (
    select tenant, course_key, min(section_key) as section_key
    from section where is_discovered group by all
),

excluded as (select distinct tenant, seq from {{ quarantine() }} where is_excluded),

voided as (select distinct tenant, voids_statement_id as statement_id from {{ ref('stg_statement') }} where voids_statement_id is not null),

{% if touched -%}
difference as (select * from {{ ref('int_fingerprint') }} where is_changed),

changed_actor as (
    select tenant, key as actor_key from difference where kind = 'identifier'
    union
    select identifier.tenant, identifier.actor_key
    from identifier
    join difference on difference.kind in ('person', 'enrolment') and difference.tenant = identifier.tenant and difference.key = identifier.person_key
),

changed_course_iri as (
    select tenant, key as course_iri from difference where kind = 'course'
    union
    select course_by_iri.tenant, course_by_iri.course_iri
    from course_by_iri
    join section on section.is_discovered and section.tenant = course_by_iri.tenant and section.course_key = course_by_iri.course_key
    join difference on difference.kind = 'section' and difference.tenant = section.tenant and difference.key_2 = section.section_key
),

changed as (
    select tenant, seq from {{ ref('stg_statement') }} where seq > {{ var('from_seq') }}
    union
    select target.tenant, target.seq
    from {{ ref('stg_statement') }} as target
    join {{ ref('stg_statement') }} as voiding on voiding.tenant = target.tenant and voiding.voids_statement_id = target.statement_id
    where voiding.seq > {{ var('from_seq') }}
    union
    select tenant, seq from {{ ref('stg_statement') }} semi join changed_actor using (tenant, actor_key)
    union
    select tenant, seq from {{ ref('stg_statement') }} semi join changed_course_iri using (tenant, course_iri)
    union
    select staged.tenant, staged.seq
    from {{ ref('stg_statement') }} as staged
    join difference on difference.kind = 'section' and difference.tenant = staged.tenant and difference.key = staged.section_iri
),

statement as (select * from staged semi join changed using (tenant, seq)),

before as (select * from {{ last_build('fct_statement') }} semi join changed using (tenant, seq)),
{%- else -%}
statement as (select * from staged),
{%- endif %}

meaning as ( -- each combination that occurs, mapped once: a named type before any type, a condition before none
    select
        combination.*,
        event_map.event,
        event_map.is_activity
    from (
        select distinct verb_id, object_activity_type, is_late, is_excused, is_reply from statement
    ) as combination
    join {{ ref('event_map') }} as event_map
        on event_map.verb_id = combination.verb_id
        and coalesce(event_map.object_activity_type = combination.object_activity_type, event_map.object_activity_type is null)
        and case event_map.condition
            when 'is_late' then is_late when 'is_excused' then is_excused when 'is_reply' then is_reply else event_map.condition is null
        end
    qualify row_number() over (
        partition by combination.verb_id, combination.object_activity_type, is_late, is_excused, is_reply
        order by event_map.object_activity_type is null, event_map.condition is null, event_map.event
    ) = 1
),

placed as (
    select
        statement.* exclude (is_late, is_excused),
        statement.is_excused,
        identifier.person_key,
        person.school_key as person_school_key,
        coalesce(named_section.course_key, course_by_iri.course_key) as course_key,
        section_by_iri.section_key as named_section_key,
        case when excluded.seq is null then meaning.event end as event, -- what may not count means nothing
        coalesce(excluded.seq is null and meaning.is_activity, false) as is_activity,
        voided.statement_id is not null and statement.voids_statement_id is null as is_voided
    from statement
    left join identifier using (tenant, actor_key)
    left join person using (tenant, person_key)
    left join course_by_iri using (tenant, course_iri)
    left join section_by_iri using (tenant, section_iri)
    left join section as named_section on named_section.tenant = statement.tenant and named_section.section_key = section_by_iri.section_key
    left join meaning
        on meaning.verb_id = statement.verb_id
        and meaning.object_activity_type is not distinct from statement.object_activity_type
        and meaning.is_late = statement.is_late
        and meaning.is_excused = statement.is_excused
        and meaning.is_reply = statement.is_reply
    left join excluded on excluded.tenant = statement.tenant and excluded.seq = statement.seq
    left join voided on voided.tenant = statement.tenant and voided.statement_id = statement.statement_id
),

-- No section named: the person's enrolment in the course, active on the day before others, the latest before earlier ones
enrolled_section as (
    select
        wanted.tenant,
        wanted.person_key,
        wanted.course_key,
        wanted.occurred_date,
        arg_max(
            enrolment.section_key,
            row(
                wanted.occurred_date between coalesce(enrolment.begin_date, section.start_date, date '0001-01-01')
                and coalesce(enrolment.end_date, section.end_date, date '9999-12-31'),
                coalesce(enrolment.begin_date, section.start_date, date '0001-01-01'),
                enrolment.section_key
            )
        ) as section_key
    from (
        select distinct tenant, person_key, course_key, occurred_date
        from placed
        where named_section_key is null and person_key is not null and course_key is not null
    ) as wanted
    join enrolment using (tenant, person_key, course_key)
    join section on section.tenant = enrolment.tenant and section.section_key = enrolment.section_key
    group by all
),

resolved as (
    select
        placed.* exclude (named_section_key),
        coalesce(placed.named_section_key, enrolled_section.section_key, discovered_section.section_key) as section_key
    from placed
    left join enrolled_section using (tenant, person_key, course_key, occurred_date)
    left join discovered_section using (tenant, course_key)
)

select
    resolved.tenant,
    resolved.statement_id,
    resolved.seq,
    resolved.stored_at,
    resolved.stored_date,
    resolved.occurred_at,
    resolved.occurred_date,
    resolved.person_key,
    coalesce(section.school_key, course.school_key, resolved.person_school_key) as school_key,
    resolved.section_key,
    resolved.course_key,
    {{ activity_key('resolved.tenant', 'resolved.activity_iri') }} as activity_key,
    resolved.verb_id,
    resolved.event,
    resolved.is_activity,
    resolved.is_voided,
    resolved.is_success,
    resolved.score_scaled,
    resolved.duration_seconds,
    coalesce(resolved.clicks, case when resolved.event = 'viewed' then 1 end) as clicks,
    resolved.platform,
    resolved.is_generated,
    resolved.is_excused,
    resolved.is_banked,
    resolved.outcome,
    resolved.unregistered_on,
    resolved.meeting_date,
    resolved.source_sequence,
    {% if touched -%}
    before.person_key as person_key_before,
    before.section_key as section_key_before,
    before.event as event_before
    {%- else -%}
    cast(null as varchar) as person_key_before,
    cast(null as varchar) as section_key_before,
    cast(null as varchar) as event_before
    {%- endif %}
from resolved
left join section on section.tenant = resolved.tenant and section.section_key = resolved.section_key
left join {{ source('people', 'course') }} as course on course.tenant = resolved.tenant and course.course_key = resolved.course_key
{% if touched -%}
left join before on before.tenant = resolved.tenant and before.seq = resolved.seq
{% endif %}
