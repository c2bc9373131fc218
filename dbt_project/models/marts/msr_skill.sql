{{ config(materialized='view') }}
-- A view: mastery is told by the model after dbt has run, and a snapshot shall show both of the same run.
with practice as (
    select practised.*
    from {{ ref('int_student_skill') }} as practised
    join {{ ref('brg_enrolment') }} as enrolment using (tenant, section_key, person_key)
    where enrolment.role = 'student'
),

judged as (
    select practice.*, prediction.mastery, prediction.is_mastered
    from practice
    left join {{ source('predictions', 'prd_mastery') }} as prediction using (tenant, person_key, skill_key)
),

class_skill as (
    select
        tenant,
        section_key,
        skill_key,
        count(*) as student_count,
        sum(attempt_count) as attempt_count,
        sum(correct_count) as correct_count,
        count(mastery) as judged_count,
        count_if(is_mastered) as mastered_count,
        avg(mastery) as mean_mastery
    from judged
    group by all
),

everywhere as ( -- each person once, in however many classes
    select tenant, skill_key, count_if(is_mastered) / count(*) as mastery_share
    from (select distinct tenant, person_key, skill_key, is_mastered from judged where mastery is not null)
    group by all
)

select
    class_skill.tenant,
    class_skill.section_key,
    class_skill.skill_key,
    section.school_key,
    section.course_key,
    section.session_key,
    cast(class_skill.student_count as integer) as student_count,
    cast(class_skill.attempt_count as integer) as attempt_count,
    cast(class_skill.correct_count as integer) as correct_count,
    cast(class_skill.correct_count / class_skill.attempt_count as double) as correct_share,
    cast(class_skill.attempt_count / class_skill.student_count as double) as opportunities_per_student,
    cast(class_skill.mastered_count as integer) as mastered_count,
    cast(class_skill.mastered_count / nullif(class_skill.judged_count, 0) as double) as mastery_share,
    cast(class_skill.mean_mastery as double) as mean_mastery,
    cast(class_skill.mastered_count / nullif(class_skill.judged_count, 0) - everywhere.mastery_share as double) as mastery_gap
from class_skill
join {{ ref('int_section') }} as section using (tenant, section_key)
left join everywhere using (tenant, skill_key)
