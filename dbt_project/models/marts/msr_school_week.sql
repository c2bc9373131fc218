{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched_school_week', 'slice_keys': ['tenant', 'school_key', 'session_key'], 'slice_if': 'target.week_index >= slice.from_week'}) }}
with student_week as (
    select measure.*
    from {{ ref('msr_student_week') }} as measure
    join {{ ref('brg_enrolment') }} as enrolment using (tenant, section_key, person_key)
    where measure.school_key is not null and measure.session_key is not null
        and coalesce(enrolment.end_date, date '9999-12-31') >= coalesce(measure.week_start_date, measure.week_end_date)
        {% if is_incremental() and touched_only() -%}
        and exists (
            select 1 from {{ ref('int_touched_school_week') }} as touched
            where touched.tenant = measure.tenant and touched.school_key = measure.school_key
                and touched.session_key = measure.session_key and touched.from_week <= measure.week_index
        )
        {%- endif %}
    -- depends on {{ ref('int_touched_school_week') }}
)

select
    tenant,
    school_key,
    session_key,
    week_index,
    min(week_start_date) as week_start_date,
    min(week_end_date) as week_end_date,
    cast(count(distinct section_key) as integer) as class_count,
    cast(count(distinct person_key) as integer) as student_count,
    cast(count(distinct person_key) filter (active_days > 0) as integer) as active_student_count,
    cast(sum(attempt_count) as integer) as attempt_count,
    cast(sum(correct_count) as integer) as correct_count,
    cast(sum(score_sum) / nullif(sum(score_count), 0) as double) as mean_score,
    cast(sum(absent_count + excused_count) / nullif(sum(meeting_count), 0) as double) as absence_rate,
    cast(sum(minutes_active) as double) as minutes_active
from student_week
group by tenant, school_key, session_key, week_index
