{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_use', 'slice_keys': ['tenant', 'person_key', 'section_key', 'activity_key']}) }}
-- Which pages and videos a person has used in a section.
select
    tenant,
    person_key,
    section_key,
    activity_key,
    count(*) as use_count,
    min(occurred_date) as first_date
from {{ ref('fct_statement') }}
where person_key is not null and section_key is not null and activity_key is not null and not is_voided and {{ is_use('event') }}
    and {{ only_touched(ref('int_touched_use'), ['tenant', 'person_key', 'section_key', 'activity_key']) }}
group by all
