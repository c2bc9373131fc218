{%- set events = "('viewed', 'navigated', 'downloaded')" -%}
{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_activity', 'slice_keys': ['tenant', 'person_key', 'activity_key'], 'slice_if': 'slice.event in ' ~ events}) }}
with used as (
    select *
    from {{ ref('fct_statement') }}
    where event in {{ events }} and not is_voided and person_key is not null and activity_key is not null
    and {{ only_touched(ref('int_touched_activity'), ['tenant', 'person_key', 'activity_key'], 'event in ' ~ events) }}
)

select
    tenant,
    person_key,
    arg_max(school_key, seq) as school_key,
    arg_max(section_key, seq) as section_key,
    arg_max(course_key, seq) as course_key,
    activity_key,
    occurred_date as used_date,
    cast(count_if(event <> 'downloaded') as integer) as view_count,
    cast(count_if(event = 'downloaded') as integer) as download_count,
    cast(coalesce(sum(clicks), 0) as bigint) as click_count,
    sum(least(duration_seconds, 60 * {{ var('session_gap_minutes') }})) filter (duration_seconds is not null) / 60 as minutes_used,
    min(occurred_at) as first_used_at,
    max(occurred_at) as last_used_at
from used
group by tenant, person_key, activity_key, occurred_date
