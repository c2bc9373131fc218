{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_week', 'slice_keys': ['tenant', 'person_key', 'section_key']}) }}
-- All weeks of a student in a section, added up.
select
    tenant,
    person_key,
    section_key,
    sum(active_days) as active_days,
    sum(minutes_active) as minutes_active,
    sum(attempt_count) as attempt_count,
    sum(correct_count) as correct_count,
    sum(score_sum) as score_sum,
    sum(score_count) as score_count,
    max(last_active_date) as last_active_date,
    max(prior_attempts) as prior_attempts,
    max(-days_before_start_registered) as days_late_registered
from {{ ref('msr_student_week') }}
where {{ only_touched(ref('int_touched_week'), ['tenant', 'person_key', 'section_key']) }}
group by all
