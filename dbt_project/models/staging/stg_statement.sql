{{ config(materialized='incremental', incremental_strategy='replace_new_seq', on_schema_change='fail', meta={'seq_column': 'seq'}) }}
-- Renames, casts and reads the extensions out of the JSON, once. Nothing here depends on any other row.
with statement as (

    select
        *,
        {{ statement_fields('raw') }} as fields,
        list_filter(
            context_activities,
            lambda a: a.relation = 'parent' and coalesce(a.type not in {{ course_types() }} and a.type not in {{ section_types() }}, true)
        )[1] as parent
    from {{ source('lake', 'statement') }}

)

select
    tenant,
    seq,
    id as statement_id,
    stored at time zone 'UTC' as stored_at,
    stored_date,
    timestamp at time zone 'UTC' as occurred_at,
    cast(timestamp at time zone 'UTC' as date) as occurred_date,
    actor_key,
    verb_id,
    object_type,
    object_id,
    object_activity_type,
    case when object_type = 'Activity' then object_id end as activity_iri,
    voids as voids_statement_id,
    result_success as is_success,
    score_scaled,
    duration_seconds,
    coalesce(platform, actor_home_page) as platform,
    {{ context_iri(course_types()) }} as course_iri,
    {{ context_iri(section_types()) }} as section_iri,
    parent.id as parent_iri,
    parent.type as parent_activity_type,
    case when len(skills) > 0 then list_sort(list_distinct(skills)) end as skill_ids,
    try_cast({{ statement_field('clicks') }} as bigint) as clicks,
    coalesce(try_cast({{ statement_field('is_late') }} as boolean), false) as is_late,
    coalesce(try_cast({{ statement_field('is_excused') }} as boolean), false) as is_excused,
    coalesce(try_cast({{ statement_field('is_banked') }} as boolean), false) as is_banked,
    {{ statement_field('outcome') }} as outcome,
    try_cast({{ statement_field('unregistered_on') }} as date) as unregistered_on,
    try_cast({{ statement_field('prior_attempts') }} as integer) as prior_attempts,
    try_cast({{ statement_field('studied_credits') }} as integer) as studied_credits,
    coalesce(try_cast({{ statement_field('is_generated') }} as boolean), false) as is_generated,
    try_cast({{ statement_field('sequence') }} as bigint) as source_sequence,
    {{ statement_field('response') }} as response_text,
    try_cast(regexp_extract(object_id, '/meetings/(\d{4}-\d{2}-\d{2})$', 1) as date) as meeting_date,
    {{ statement_title('object_name') }} as object_title,
    {{ statement_title('parent_name') }} as parent_title
from statement
