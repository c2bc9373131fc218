{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_activity', 'slice_keys': ['tenant', 'person_key', 'activity_key'], 'slice_if': "starts_with(slice.event, 'video_')"}) }}
-- A visit opens with the player, with another session of it, or after the session gap. Where the player says which segments were played, the
-- last of a visit that says so counts; elsewhere a segment runs from a play, or a seek while playing, to the next thing that stops it.
with watched as (
    select
        statement.*,
        staged.session_id,
        staged.video_seconds,
        staged.video_from_seconds,
        staged.video_to_seconds,
        staged.played_segments,
        staged.video_length_seconds
    from {{ ref('fct_statement') }} as statement
    join {{ ref('stg_statement') }} as staged using (tenant, seq)
    where starts_with(statement.event, 'video_') and not statement.is_voided
        and statement.person_key is not null and statement.activity_key is not null
    and {{ only_touched(ref('int_touched_activity'), ['tenant', 'person_key', 'activity_key'], "starts_with(event, 'video_')", of='statement') }}
),

opened as (
    select
        *,
        event = 'video_initialized'
        or session_id is distinct from lag(session_id) over person
        or coalesce(occurred_at > lag(occurred_at) over person + to_minutes({{ var('session_gap_minutes') }}), true) as is_first
    from watched
    window person as (partition by tenant, person_key, activity_key order by occurred_at, seq)
),

visited as (
    select *, count_if(is_first) over (partition by tenant, person_key, activity_key order by occurred_at, seq) as visit_number
    from opened
),

visit as (
    select
        tenant,
        person_key,
        activity_key,
        visit_number,
        arg_max(school_key, seq) as school_key,
        arg_max(section_key, seq) as section_key,
        arg_max(course_key, seq) as course_key,
        min(occurred_at) as visit_started_at,
        max(video_length_seconds) as video_length_seconds,
        bool_or(event = 'video_completed') as is_completed,
        arg_max(played_segments, row(occurred_at, seq)) filter (contains(played_segments, '[.]')) as played_segments
    from visited
    group by all
),

reported as (
    select tenant, person_key, activity_key, visit_number, position, try_cast(split_part(part, '[.]', 1) as double) as from_seconds,
        try_cast(split_part(part, '[.]', 2) as double) as to_seconds
    from (
        select *, unnest(string_split(played_segments, '[,]')) as part, generate_subscripts(string_split(played_segments, '[,]'), 1) as position
        from visit where played_segments is not null
    )
),

control as (
    select
        *,
        last_value(
            case when event = 'video_played' then true when event <> 'video_seeked' then false end ignore nulls
        ) over before as is_playing,
        lead(case event
            when 'video_seeked' then video_from_seconds
            when 'video_completed' then coalesce(video_seconds, video_length_seconds)
            when 'video_played' then null
            else video_seconds
        end) over visit as stopped_seconds
    from visited
    where event in ('video_played', 'video_paused', 'video_seeked', 'video_completed', 'video_terminated')
    window
        visit as (partition by tenant, person_key, activity_key, visit_number order by occurred_at, seq),
        before as (partition by tenant, person_key, activity_key, visit_number order by occurred_at, seq rows unbounded preceding)
),

derived as (
    select
        tenant,
        person_key,
        activity_key,
        visit_number,
        row_number() over (partition by tenant, person_key, activity_key, visit_number order by occurred_at, seq) as position,
        case event when 'video_seeked' then video_to_seconds else video_seconds end as from_seconds,
        stopped_seconds as to_seconds
    from control
    where event = 'video_played' or (event = 'video_seeked' and is_playing)
),

segment as (
    select told.* exclude (from_seconds, to_seconds), visit.* exclude (tenant, person_key, activity_key, visit_number),
        greatest(told.from_seconds, 0) as from_seconds,
        least(told.to_seconds, coalesce(visit.video_length_seconds, told.to_seconds)) as to_seconds
    from (select *, true as is_reported from reported union all select *, false from derived) as told
    join visit using (tenant, person_key, activity_key, visit_number)
    where told.is_reported = (visit.played_segments is not null) and told.from_seconds is not null and told.to_seconds is not null
)

select
    tenant,
    person_key,
    school_key,
    section_key,
    course_key,
    activity_key,
    cast(visit_number as integer) as visit_number,
    cast(row_number() over visit_order as integer) as segment_number,
    visit_started_at,
    from_seconds,
    to_seconds,
    video_length_seconds,
    lead(position) over visit_order is null as is_last,
    is_completed,
    is_reported
from segment
where to_seconds > from_seconds
window visit_order as (partition by tenant, person_key, activity_key, visit_number order by position)
