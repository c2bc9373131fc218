{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_statement_change', 'slice_keys': ['tenant', 'seq']}) }}
select
    tenant,
    statement_id,
    seq,
    stored_at,
    stored_date,
    occurred_at,
    occurred_date,
    person_key,
    school_key,
    section_key,
    course_key,
    activity_key,
    verb_id,
    event,
    is_voided,
    is_success as success,
    score_scaled,
    duration_seconds,
    clicks,
    platform,
    is_generated
from {{ ref('int_statement_change') }}
