{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched', 'slice_keys': ['tenant', 'person_key'], 'slice_if': "slice.event = 'answered'"}) }}
-- A response that comes late moves the numbers of those after it, so a touched person's responses are all numbered anew.
with answered as (
    select *
    from {{ ref('fct_statement') }}
    where event = 'answered' and not is_voided and success is not null and person_key is not null
    and {{ only_touched(ref('int_touched'), ['tenant', 'person_key'], "event = 'answered'") }}
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
)

select
    tenant,
    statement_id,
    person_key,
    school_key,
    section_key,
    course_key,
    activity_key,
    assessment_key,
    skill_key,
    success as is_correct,
    occurred_at as responded_at,
    source_sequence,
    cast(row_number() over person as integer) as response_number,
    case when skill_key is not null then cast(row_number() over person_skill as integer) end as opportunity,
    duration_seconds,
    response_text
from response
window
    person as (partition by tenant, person_key order by source_sequence nulls last, occurred_at, seq),
    person_skill as (partition by tenant, person_key, skill_key order by source_sequence nulls last, occurred_at, seq)
