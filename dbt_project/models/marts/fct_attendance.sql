{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched', 'slice_keys': ['tenant', 'person_key', 'section_key'],
  'slice_if': "slice.event in ('attended', 'attended_late', 'absent')"}) }}
-- The day is the meeting's, as its address says; the status what the school said last: a correction replaces what it corrects.
with said as (
    select *
    from {{ ref('fct_statement') }}
    where event in ('attended', 'attended_late', 'absent')
        and not is_voided and person_key is not null and section_key is not null
    and {{ only_touched(ref('int_touched'), ['tenant', 'person_key', 'section_key'], "event in ('attended', 'attended_late', 'absent')") }}
)

select
    said.tenant,
    said.person_key,
    arg_max(said.school_key, said.seq) as school_key,
    said.section_key,
    coalesce(staged.meeting_date, said.occurred_date) as attendance_date,
    arg_max(
        case
            when said.event = 'attended' then 'present'
            when said.event = 'attended_late' then 'late'
            when staged.is_excused then 'excused'
            else 'absent'
        end,
        said.seq
    ) as status
from said
join {{ ref('stg_statement') }} as staged using (tenant, seq)
group by said.tenant, said.person_key, said.section_key, coalesce(staged.meeting_date, said.occurred_date)
