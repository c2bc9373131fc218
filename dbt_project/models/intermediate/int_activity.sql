{{ config(materialized='incremental', incremental_strategy='replace_keys', meta={'keys': ['tenant', 'activity_key']}) }}
-- Activities that statements name, each with what the newest statement that says it says. Voided statements name things as well.
with staged as (
    select * from {{ ref('stg_statement') }}
    {% if is_incremental() and touched_only() %}where seq > {{ var('from_seq') }}{% endif %}
),

named as (
    select tenant, seq, activity_iri as iri, activity_type as type, activity_title as title, course_iri, parent_iri, skill_ids
    from staged where activity_iri is not null
    union all
    select tenant, seq, parent_iri, parent_activity_type, parent_title, course_iri, null, null
    from staged where parent_iri is not null
    union all
    select tenant, seq, thread_iri, null, null, course_iri, null, null
    from staged where thread_iri is not null and thread_iri is distinct from activity_iri
),

newest as (
    select
        tenant,
        {{ activity_key('tenant', 'iri') }} as activity_key,
        iri,
        arg_max(type, seq) filter (type is not null) as type,
        arg_max(title, seq) filter (title is not null) as title,
        arg_max(course_iri, seq) filter (course_iri is not null) as course_iri,
        arg_max(parent_iri, seq) filter (parent_iri is not null) as parent_iri,
        arg_max(skill_ids, seq) filter (skill_ids is not null) as skill_ids
    from named
    group by all
)

select
    newest.tenant,
    newest.activity_key,
    newest.iri,
    {% if is_incremental() and touched_only() -%}
    {% for column in ('type', 'title', 'course_iri', 'parent_iri', 'skill_ids') -%}
    coalesce(newest.{{ column }}, known.{{ column }}) as {{ column }}{% if not loop.last %},{% endif %}
    {% endfor %}
from newest
left join {{ this }} as known using (tenant, activity_key)
    {%- else -%}
    newest.* exclude (tenant, activity_key, iri)
from newest
    {%- endif %}
