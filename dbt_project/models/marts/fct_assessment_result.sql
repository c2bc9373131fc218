{{ config(materialized='incremental', incremental_strategy='replace_slice', on_schema_change='fail', meta={
  'slice_of': 'int_statement_change', 'slice_keys': ['tenant', 'statement_id']}) }}
select
    change.tenant,
    change.statement_id,
    change.person_key,
    change.school_key,
    change.section_key,
    change.course_key,
    change.activity_key,
    change.occurred_at as submitted_at,
    change.occurred_date as submitted_date,
    activity.due_date,
    cast(change.occurred_date - activity.due_date as integer) as days_late,
    activity.weight,
    change.score_scaled,
    change.is_banked
from {{ ref('int_statement_change') }} as change
left join {{ ref('dim_activity') }} as activity using (tenant, activity_key)
where change.event = 'submitted' and not change.is_voided and change.person_key is not null
