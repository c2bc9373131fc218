{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_statement_change', 'slice_keys': ['tenant', 'statement_id']}) }}
select
    change.tenant,
    change.statement_id,
    change.person_key,
    change.school_key,
    change.section_key,
    change.course_key,
    {{ activity_key('change.tenant', 'staged.thread_iri') }} as thread_key,
    change.activity_key,
    replace(change.event, 'forum_', '') as action,
    change.occurred_at as acted_at,
    change.occurred_date as acted_date
from {{ ref('int_statement_change') }} as change
join {{ ref('stg_statement') }} as staged using (tenant, seq)
where (starts_with(change.event, 'forum_') or change.event = 'commented') and not change.is_voided and change.person_key is not null
