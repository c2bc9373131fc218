{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_item', 'slice_keys': ['tenant', 'activity_key']}) }}
-- Classical item analysis over first responses: what somebody answers after feedback tells about the feedback.
with response as (
    select *
    from {{ ref('int_item_response') }}
    where {{ only_touched(ref('int_touched_item'), ['tenant', 'activity_key']) }}
),

cut as ( -- Kelley's (1939) upper and lower 27 %
    select
        tenant,
        activity_key,
        quantile_disc(rest_share, 0.27) as lower_cut,
        quantile_disc(rest_share, 0.73) as upper_cut,
        coalesce(min(rest_share) < max(rest_share) and bool_or(is_correct) and not bool_and(is_correct), false) as does_vary
    from response
    where rest_share is not null
    group by all
),

measured as (
    select
        response.tenant,
        response.activity_key,
        count(*) as person_count,
        sum(response.attempt_count) as attempt_count,
        count_if(response.is_correct) as correct_count,
        count(response.rest_share) as rest_count,
        case when any_value(cut.lower_cut < cut.upper_cut) then
            avg(cast(response.is_correct as integer)) filter (response.rest_share >= cut.upper_cut)
            - avg(cast(response.is_correct as integer)) filter (response.rest_share <= cut.lower_cut)
        end as discrimination,
        case when any_value(cut.does_vary) then corr(cast(response.is_correct as integer), response.rest_share) end as point_biserial,
        avg(response.rest_share) filter (response.is_correct) as mean_rest_share_correct,
        median(response.duration_seconds) as median_seconds
    from response
    left join cut using (tenant, activity_key)
    group by all
),

rival as ( -- a wrong response that many give who otherwise do as well as those who got it right
    select wrong.tenant, wrong.activity_key
    from {{ ref('msr_item_response') }} as wrong
    join measured using (tenant, activity_key)
    where not wrong.is_correct and not wrong.is_rare
        and wrong.response_share >= {{ var('item_rival_share') }}
        and round(wrong.mean_rest_share, 9) >= round(measured.mean_rest_share_correct, 9)
    group by all
),

judged as ( -- mis-keyed: the correlation is below 0 even at the upper end of its one-sided 95 % interval (Fisher's z)
    select
        measured.*,
        measured.person_count >= {{ var('small_group_size') }} as is_shown,
        case
            when measured.rest_count < {{ var('item_min_people') }} then null
            else coalesce(round(measured.point_biserial, 9) < -tanh(1.645 / sqrt(measured.rest_count - 3)), false)
        end as is_maybe_miskeyed,
        rival.activity_key is not null as has_rival
    from measured
    left join rival using (tenant, activity_key)
)

select
    tenant,
    activity_key,
    cast(person_count as integer) as person_count,
    cast(case when is_shown then attempt_count end as integer) as attempt_count,
    cast(case when is_shown then correct_count end as integer) as correct_count,
    cast(case when is_shown then correct_count / person_count end as double) as difficulty,
    cast(case when is_shown then discrimination end as double) as discrimination,
    -- corr of two alike columns may come out a rounding above 1; least and greatest would make a number of null
    cast(case when is_shown and point_biserial is not null then greatest(-1.0, least(1.0, point_biserial)) end as double) as point_biserial,
    cast(rest_count as integer) as rest_count,
    cast(case when is_shown then median_seconds end as double) as median_seconds,
    is_maybe_miskeyed,
    case when is_maybe_miskeyed is not null then has_rival and not is_maybe_miskeyed end as is_maybe_ambiguous
from judged
