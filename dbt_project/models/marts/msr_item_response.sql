{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_item', 'slice_keys': ['tenant', 'activity_key']}) }}
-- A text that fewer people gave than a group must have is not shown: it may be a name, and it may be one pupil's.
with response as (
    select *
    from {{ ref('int_item_response') }}
    where response_text is not null
    and {{ only_touched(ref('int_touched_item'), ['tenant', 'activity_key']) }}
),

told as (
    select *, count(*) over (partition by tenant, activity_key, response_text, is_correct) < {{ var('small_group_size') }} as is_rare
    from response
    qualify count(*) over (partition by tenant, activity_key) >= {{ var('small_group_size') }}
),

counted as (
    select
        tenant,
        activity_key,
        case when is_rare then '(rare)' else response_text end as response_text,
        is_correct,
        is_rare,
        count(*) as person_count,
        case when count(rest_share) >= {{ var('small_group_size') }} then avg(rest_share) end as mean_rest_share
    from told
    group by all
)

select
    tenant,
    activity_key,
    response_text,
    is_correct,
    is_rare,
    cast(person_count as integer) as person_count,
    cast(person_count / sum(person_count) over (partition by tenant, activity_key) as double) as response_share,
    cast(mean_rest_share as double) as mean_rest_share
from counted
