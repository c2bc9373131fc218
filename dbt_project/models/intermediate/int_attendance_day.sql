{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched', 'slice_keys': ['tenant', 'person_key'],
  'slice_if': "slice.event in ('attended', 'attended_late', 'absent')"}) }}
-- A day is missed when at least half of the meetings that are on record for the student that day were, as education departments count it.
select
    attendance.tenant,
    attendance.person_key,
    enrolment.school_key,
    enrolment.session_key,
    attendance.attendance_date,
    count_if(attendance.status in ('absent', 'excused')) * 2 >= count(*) as is_missed,
    count_if(attendance.status = 'excused') > 0 as is_excused,
    count_if(attendance.status = 'late') > 0 as is_late
from {{ ref('fct_attendance') }} as attendance
join {{ ref('brg_enrolment') }} as enrolment using (tenant, person_key, section_key)
where enrolment.role = 'student' and enrolment.session_key is not null
    and {{ only_touched(ref('int_touched'), ['tenant', 'person_key'], "event in ('attended', 'attended_late', 'absent')", of='attendance') }}
group by all
