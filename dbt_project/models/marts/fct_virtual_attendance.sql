{%- set events = "('meeting_joined', 'meeting_left', 'meeting_ended')" -%}
{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_activity', 'slice_keys': ['tenant', 'activity_key'], 'slice_if': 'slice.event in ' ~ events}) }}
-- A stay runs from a join to the person's next leaving, else to the end of the meeting. The end is said once for all, so a whole room is computed anew.
with said as (
    select *
    from {{ ref('fct_statement') }}
    where event in {{ events }} and not is_voided and activity_key is not null
    and {{ only_touched(ref('int_touched_activity'), ['tenant', 'activity_key'], 'event in ' ~ events) }}
),

own as (
    select
        *,
        lead(event) over person as next_event,
        lead(occurred_at) over person as next_at
    from said
    where event <> 'meeting_ended' and person_key is not null
    window person as (partition by tenant, person_key, activity_key order by occurred_at, seq)
),

stay as (
    select
        own.* exclude (next_event, next_at),
        case
            when own.next_event = 'meeting_left' then own.next_at
            when ended.occurred_at < coalesce(own.next_at, timestamp '9999-12-31') then ended.occurred_at
        end as left_at
    from own
    asof left join (select tenant, activity_key, occurred_at from said where event = 'meeting_ended') as ended
        on ended.tenant = own.tenant and ended.activity_key = own.activity_key and ended.occurred_at >= own.occurred_at
    where own.event = 'meeting_joined'
)

select
    tenant,
    person_key,
    arg_max(school_key, seq) as school_key,
    arg_max(section_key, seq) as section_key,
    arg_max(course_key, seq) as course_key,
    activity_key,
    occurred_date as attended_date,
    min(occurred_at) as first_joined_at,
    max(left_at) as last_left_at,
    cast(count(*) as integer) as join_count,
    cast(count_if(left_at is null) as integer) as open_count,
    coalesce(sum(epoch(left_at - occurred_at)), 0) / 60 as minutes_attended
from stay
group by tenant, person_key, activity_key, occurred_date
