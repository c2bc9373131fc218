{%- set events = "('submitted', 'graded')" -%}
{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_activity', 'slice_keys': ['tenant', 'person_key', 'activity_key'], 'slice_if': 'slice.event in ' ~ events}) }}
-- A mark that comes after the hand-in is that hand-in's; of several the newest. It stays apart from the score that the hand-in itself
-- carries: a week's measures must not know what was marked later.
with said as (
    select *
    from {{ ref('fct_statement') }}
    where event in {{ events }} and not is_voided and person_key is not null and activity_key is not null
    and {{ only_touched(ref('int_touched_activity'), ['tenant', 'person_key', 'activity_key'], 'event in ' ~ events) }}
),

handed_in as (select * from said where event = 'submitted'),

mark as (
    select
        handed_in.tenant,
        handed_in.statement_id,
        arg_max(graded.score_scaled, row(graded.occurred_at, graded.seq)) as graded_score_scaled,
        max(graded.occurred_at) as graded_at
    from (select * from said where event = 'graded' and score_scaled is not null) as graded
    asof join handed_in
        on handed_in.tenant = graded.tenant and handed_in.person_key = graded.person_key and handed_in.activity_key = graded.activity_key
        and handed_in.occurred_at <= graded.occurred_at
    group by all
)

select
    handed_in.tenant,
    handed_in.statement_id,
    handed_in.person_key,
    handed_in.school_key,
    handed_in.section_key,
    handed_in.course_key,
    handed_in.activity_key,
    handed_in.occurred_at as submitted_at,
    handed_in.occurred_date as submitted_date,
    activity.due_date,
    cast(handed_in.occurred_date - activity.due_date as integer) as days_late,
    activity.weight,
    handed_in.score_scaled,
    staged.is_banked,
    mark.graded_score_scaled,
    mark.graded_at
from handed_in
join {{ ref('stg_statement') }} as staged using (tenant, seq)
left join mark on mark.tenant = handed_in.tenant and mark.statement_id = handed_in.statement_id
left join {{ ref('dim_activity') }} as activity on activity.tenant = handed_in.tenant and activity.activity_key = handed_in.activity_key
