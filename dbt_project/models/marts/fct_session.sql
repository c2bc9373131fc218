{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_session', 'slice_keys': ['tenant', 'person_key', 'section_key'],
  'slice_if': 'target.started_at >= slice.from_at'}) }}
-- A session ends when the learner has been silent for longer than the session gap; what was silent is no time on task.
with active as (
    select
        statement.tenant,
        statement.seq,
        statement.person_key,
        statement.school_key,
        statement.section_key,
        statement.course_key,
        statement.activity_key,
        statement.occurred_at,
        statement.duration_seconds
    from {{ ref('fct_statement') }} as statement
    {% if is_incremental() and touched_only() -%}
    join {{ ref('int_touched_session') }} as touched
        on touched.tenant = statement.tenant and touched.person_key = statement.person_key and touched.section_key = statement.section_key
        and statement.occurred_at >= touched.from_at
    {% endif -%}
    anti join (select tenant, statement_id from {{ ref('fct_assessment_result') }} where is_banked) as banked
        on banked.tenant = statement.tenant and banked.statement_id = statement.statement_id
    where not statement.is_voided and statement.person_key is not null and statement.section_key is not null
        and statement.event in (select event from {{ ref('event_map') }} where is_activity)
        {% if is_incremental() and touched_only() -%}
        and statement.occurred_at >= {{ earliest(ref('int_touched_session'), 'from_at', 'timestamp') }}
        {%- endif %}
    -- depends on {{ ref('int_touched_session') }}
),

gapped as (
    select
        *,
        coalesce(occurred_at > lag(occurred_at) over person + to_minutes({{ var('session_gap_minutes') }}), true) as is_first
    from active
    window person as (partition by tenant, person_key, section_key order by occurred_at, seq)
),

numbered as (
    select *, count_if(is_first) over (partition by tenant, person_key, section_key order by occurred_at, seq) as session_number
    from gapped
)

select
    tenant,
    person_key,
    arg_max(school_key, seq) as school_key,
    section_key,
    arg_max(course_key, seq) as course_key,
    min(occurred_at) as started_at,
    max(occurred_at + to_microseconds(cast(1e6 * least(coalesce(duration_seconds, 0), 60 * {{ var('session_gap_minutes') }}) as bigint))) as ended_at,
    cast(min(occurred_at) as date) as started_date,
    epoch(max(occurred_at + to_microseconds(cast(1e6 * least(coalesce(duration_seconds, 0), 60 * {{ var('session_gap_minutes') }}) as bigint))) - min(occurred_at)) / 60 as minutes_on_task,
    cast(count(*) as integer) as event_count,
    cast(count(distinct activity_key) as integer) as activity_count
from numbered
group by tenant, person_key, section_key, session_number
