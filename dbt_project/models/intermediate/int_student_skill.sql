{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched', 'slice_keys': ['tenant', 'person_key', 'section_key'], 'slice_if': "slice.event = 'answered'"}) }}
-- What each person has practised in each section.
select
    tenant,
    section_key,
    person_key,
    skill_key,
    count(*) as attempt_count,
    count_if(is_correct) as correct_count
from {{ ref('fct_attempt') }}
where section_key is not null and skill_key is not null
    and {{ only_touched(ref('int_touched'), ['tenant', 'person_key', 'section_key'], "event = 'answered'") }}
group by all
