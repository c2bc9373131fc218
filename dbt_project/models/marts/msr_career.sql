{{ config(materialized='view') }}
-- A view: mastery is told by the model after dbt has run, and a snapshot shall show both of the same run.
with asked as (
    select * from {{ ref('brg_career_skill') }}
),

judged as (
    select
        asked.tenant,
        asked.career_key,
        asked.skill_id,
        prediction.person_key,
        coalesce(prediction.mastery >= asked.level, prediction.is_mastered) as is_met
    from asked
    join {{ source('predictions', 'prd_mastery') }} as prediction using (tenant, skill_key)
),

begun as ( -- whoever has an estimate for one of the career's skills
    select distinct tenant, career_key, person_key from judged
),

state as (
    select
        begun.tenant,
        begun.career_key,
        begun.person_key,
        asked.title,
        asked.importance,
        asked.skill_key is not null as is_taught,
        judged.is_met is not null as is_practised,
        coalesce(judged.is_met, false) as is_met
    from begun
    join asked using (tenant, career_key)
    left join judged using (tenant, career_key, person_key, skill_id)
),

measured as (
    select
        tenant,
        career_key,
        person_key,
        count(*) as asked_count,
        count_if(is_taught) as taught_count,
        count_if(is_practised) as practised_count,
        count_if(is_met) as met_count,
        sum(importance) filter (is_met) as met_weight,
        sum(importance) filter (is_taught) as taught_weight,
        string_agg(title, '; ' order by importance desc, title) filter (is_met) as met_skills,
        string_agg(title, '; ' order by importance desc, title) filter (is_taught and not is_met) as missing_skills,
        string_agg(title, '; ' order by importance desc, title) filter (not is_taught) as untaught_skills
    from state
    group by all
)

select
    measured.tenant,
    measured.person_key,
    measured.career_key,
    person.school_key,
    cast(measured.asked_count as integer) as asked_count,
    cast(measured.taught_count as integer) as taught_count,
    cast(measured.practised_count as integer) as practised_count,
    cast(measured.met_count as integer) as met_count,
    cast(coalesce(measured.met_weight, 0) / measured.taught_weight as double) as readiness,
    measured.met_skills,
    measured.missing_skills,
    measured.untaught_skills,
    format(
        'Based on {} of {} skills that this career asks for: those that your school teaches. {} of them have been practised so far.',
        measured.taught_count, measured.asked_count, measured.practised_count
    ) as limits
from measured
join {{ ref('dim_person') }} as person using (tenant, person_key)
