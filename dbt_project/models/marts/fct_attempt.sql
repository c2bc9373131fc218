{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_attempt', 'slice_keys': ['tenant', 'person_key'],
  'slice_if': "{'source_sequence': coalesce(target.source_sequence, 9223372036854775807), 'occurred_at': target.responded_at}"
    ~ " >= {'source_sequence': slice.from_sequence, 'occurred_at': slice.from_at}"}) }}
-- A response that comes late moves the numbers of those after it, so a touched person's responses are numbered anew from the first touched one on.
{%- set touched = is_incremental() and touched_only() %}
{%- set place = response_place('known.source_sequence', 'known.responded_at') %}
{%- set from_place = "{'source_sequence': touched.from_sequence, 'occurred_at': touched.from_at}" %}
with answered as (
    select *
    from {{ ref('fct_statement') }}
    where event = 'answered' and not is_voided and success is not null and person_key is not null
    {% if touched -%}
        and (tenant, statement_id) in (
            select row(known.tenant, known.statement_id)
            from {{ this }} as known
            join {{ ref('int_touched_attempt') }} as touched using (tenant, person_key)
            where {{ place }} >= {{ from_place }}
            union
            select row(tenant, statement_id) from {{ ref('int_statement_change') }} where event = 'answered'
        )
    {%- endif %}
    -- depends on {{ ref('int_touched_attempt') }} {{ ref('int_statement_change') }}
),

catalogued as (
    select tenant, {{ activity_key('tenant', 'activity_iri') }} as activity_key, list_sort(list(distinct skill_id)) as skill_ids
    from {{ source('catalogue', 'activity_skill') }}
    group by all
),

response as (
    select
        answered.*,
        {{ activity_key('answered.tenant', 'staged.assessment_iri') }} as assessment_key,
        {{ skill_key('answered.tenant', 'coalesce(staged.skill_ids, catalogued.skill_ids)') }} as skill_key,
        staged.source_sequence,
        staged.response_text
    from answered
    join {{ ref('stg_statement') }} as staged using (tenant, seq)
    left join catalogued on catalogued.tenant = answered.tenant and catalogued.activity_key = answered.activity_key
),

{%- if touched %}

kept as (
    select known.tenant, known.person_key, known.skill_key, known.response_number, known.opportunity
    from {{ this }} as known
    join {{ ref('int_touched_attempt') }} as touched using (tenant, person_key)
    where {{ place }} < {{ from_place }}
),

counted as (select tenant, person_key, max(response_number) as response_number from kept group by all),

practised as (
    select tenant, person_key, skill_key, max(opportunity) as opportunity
    from kept
    where (tenant, person_key, skill_key) in (select row(tenant, person_key, skill_key) from response)
    group by all
),
{%- endif %}

numbered as (
    select *, row_number() over person as response_number, row_number() over person_skill as opportunity
    from response
    window
        person as (partition by tenant, person_key order by source_sequence nulls last, occurred_at, seq),
        person_skill as (partition by tenant, person_key, skill_key order by source_sequence nulls last, occurred_at, seq)
)

select
    numbered.tenant,
    numbered.statement_id,
    numbered.person_key,
    numbered.school_key,
    numbered.section_key,
    numbered.course_key,
    numbered.activity_key,
    numbered.assessment_key,
    numbered.skill_key,
    numbered.success as is_correct,
    numbered.occurred_at as responded_at,
    numbered.source_sequence,
    cast(numbered.response_number{{ ' + coalesce(counted.response_number, 0)' if touched }} as integer) as response_number,
    case when numbered.skill_key is not null then
        cast(numbered.opportunity{{ ' + coalesce(practised.opportunity, 0)' if touched }} as integer)
    end as opportunity,
    numbered.duration_seconds,
    numbered.response_text
from numbered
{% if touched -%}
left join counted using (tenant, person_key)
left join practised using (tenant, person_key, skill_key)
{%- endif %}
