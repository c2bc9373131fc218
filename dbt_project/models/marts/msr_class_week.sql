{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_week', 'slice_keys': ['tenant', 'section_key'], 'slice_if': 'target.week_index >= slice.from_week'}) }}
with student_week as (
    select measure.*
    from {{ ref('msr_student_week') }} as measure
    join {{ ref('brg_enrolment') }} as enrolment using (tenant, section_key, person_key)
    where coalesce(enrolment.end_date, date '9999-12-31') >= coalesce(measure.week_start_date, measure.week_end_date)
    {% if is_incremental() and touched_only() -%}
        and exists (
            select 1 from {{ ref('int_touched_week') }} as touched
            where touched.tenant = measure.tenant and touched.section_key = measure.section_key and touched.from_week <= measure.week_index
        )
    {%- endif %}
    -- depends on {{ ref('int_touched_week') }}
),

class_week as (
    select
        tenant,
        section_key,
        week_index,
        min(week_start_date) as week_start_date,
        min(week_end_date) as week_end_date,
        count(*) as student_count,
        count_if(active_days > 0) as active_student_count,
        sum(attempt_count) as attempt_count,
        sum(correct_count) as correct_count,
        sum(score_sum) / nullif(sum(score_count), 0) as mean_score,
        sum(absent_count + excused_count) / nullif(sum(meeting_count), 0) as absence_rate,
        sum(minutes_active) as minutes_active
    from student_week
    group by all
)

select
    class_week.tenant,
    class_week.section_key,
    section.school_key,
    section.course_key,
    section.session_key,
    section.grade,
    class_week.week_index,
    class_week.week_start_date,
    class_week.week_end_date,
    cast(class_week.student_count as integer) as student_count,
    cast(class_week.active_student_count as integer) as active_student_count,
    cast(class_week.attempt_count as integer) as attempt_count,
    cast(class_week.correct_count as integer) as correct_count,
    cast(class_week.mean_score as double) as mean_score,
    cast(class_week.absence_rate as double) as absence_rate,
    cast(class_week.minutes_active as double) as minutes_active
from class_week
join {{ ref('int_section') }} as section using (tenant, section_key)
