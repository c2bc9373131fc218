{{ config(materialized='incremental', incremental_strategy='replace_new_seq', meta={'seq_column': 'seq'}) }}
-- Renames, casts and reads the extensions out of the JSON, once. Nothing here depends on any other row.
{%- set map = field_map() %}
with statement as (

    select
        *,
        {{ statement_fields(map, 'raw') }} as fields,
        list_filter(
            context_activities,
            lambda a: a.relation = 'parent' and coalesce(a.type not in {{ types_of(['course', 'class', 'instance']) }}, true)
        ) as parents,
        -- A clock that runs ahead of the store's, or has lost its date, says nothing: the store's own time counts
        case
            when timestamp > stored + interval 5 minute or timestamp < timestamptz '2000-01-01 00:00:00+00' then stored else timestamp
        end at time zone 'UTC' as occurred_at
    from {{ source('lake', 'statement') }}

),

-- A quiz attempt, a hand-in, a SCORM package being played are one person's own: what is said of them is said of what they belong to
named as (

    select
        *,
        case when object_type = 'Activity' then object_id end as object_iri,
        coalesce(object_activity_type in {{ types_of(['instance']) }} and len(parents) > 0, false) as is_instance
    from statement

)

select
    tenant,
    seq,
    id as statement_id,
    stored at time zone 'UTC' as stored_at,
    stored_date,
    occurred_at,
    cast(occurred_at as date) as occurred_date,
    actor_key,
    verb_id,
    object_type,
    object_id,
    object_activity_type,
    case when is_instance then parents[1].id else object_iri end as activity_iri,
    case when is_instance then parents[1].type else object_activity_type end as activity_type,
    voids as voids_statement_id,
    result_success as is_success,
    result_completion as is_completed,
    case
        when score_scaled is not null then score_scaled
        when score_max > coalesce(score_min, 0) then (score_raw - coalesce(score_min, 0)) / (score_max - coalesce(score_min, 0))
    end as score_scaled,
    duration_seconds,
    coalesce(platform, actor_home_page) as platform,
    registration,
    {{ context_iri(types_of(['course'])) }} as course_iri,
    {{ context_iri(types_of(['class'])) }} as section_iri,
    parents[if(is_instance, 2, 1)].id as parent_iri,
    parents[if(is_instance, 2, 1)].type as parent_activity_type,
    list_filter(parents, lambda a: coalesce(a.type not in {{ types_of(['topic']) }}, true))[1].id as assessment_iri,
    coalesce(
        list_filter(
            context_activities,
            lambda a: a.relation in ('grouping', 'parent') and a.type in {{ types_of(['thread']) }} and a.id <> object_id
        )[1].id,
        case when object_activity_type in {{ types_of(['thread']) }} then object_id end
    ) as thread_iri,
    case when len(skills) > 0 then list_sort(list_distinct(skills)) end as skill_ids,
    try_cast({{ statement_field(map, 'clicks') }} as bigint) as clicks,
    coalesce(try_cast({{ statement_field(map, 'is_late') }} as boolean), false) as is_late,
    coalesce(try_cast({{ statement_field(map, 'is_excused') }} as boolean), false) as is_excused,
    coalesce(try_cast({{ statement_field(map, 'is_banked') }} as boolean), false) as is_banked,
    {{ statement_field(map, 'outcome') }} as outcome,
    try_cast({{ statement_field(map, 'unregistered_on') }} as date) as unregistered_on,
    try_cast({{ statement_field(map, 'prior_attempts') }} as integer) as prior_attempts,
    try_cast({{ statement_field(map, 'studied_credits') }} as integer) as studied_credits,
    coalesce(try_cast({{ statement_field(map, 'is_generated') }} as boolean), false) as is_generated,
    try_cast({{ statement_field(map, 'sequence') }} as bigint) as source_sequence,
    {{ statement_field(map, 'response') }} as response_text,
    {{ statement_field(map, 'session_id') }} as session_id,
    try_cast({{ statement_field(map, 'video_time') }} as double) as video_seconds,
    try_cast({{ statement_field(map, 'video_time_from') }} as double) as video_from_seconds,
    try_cast({{ statement_field(map, 'video_time_to') }} as double) as video_to_seconds,
    {{ statement_field(map, 'played_segments') }} as played_segments,
    try_cast({{ statement_field(map, 'video_length') }} as double) as video_length_seconds,
    coalesce(
        try_cast({{ statement_field(map, 'progress_share') }} as double), try_cast({{ statement_field(map, 'progress_pct') }} as double) / 100
    ) as progress,
    try_cast({{ statement_field(map, 'mastery_score') }} as double) as mastery_score,
    {{ statement_field(map, 'move_on') }} as move_on,
    {{ statement_field(map, 'launch_mode') }} as launch_mode,
    try_cast(regexp_extract(object_id, '/meetings/(\d{4}-\d{2}-\d{2})$', 1) as date) as meeting_date,
    {% set parent_title = language_text(parent_name(map, 'parents[if(is_instance, 2, 1)].id')) -%}
    case when is_instance then {{ language_text(parent_name(map, 'parents[1].id')) }} else {{ language_text('fields[' ~ map.numbers.object_name[0] ~ ']') }} end as activity_title,
    case when len(parents) > 0 then {{ parent_title }} end as parent_title
from named
