{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched', 'slice_keys': ['tenant', 'person_key', 'section_key'], 'slice_if': "slice.event = 'concluded'"}) }}
-- Labels, never features: no measure and no feature may read this table.
with concluded as (
    select *
    from {{ ref('fct_statement') }}
    where event = 'concluded' and not is_voided and person_key is not null and section_key is not null
    and {{ only_touched(ref('int_touched'), ['tenant', 'person_key', 'section_key'], "event = 'concluded'") }}
)

select
    concluded.tenant,
    concluded.person_key,
    concluded.school_key,
    concluded.section_key,
    section.course_key,
    section.session_key,
    staged.outcome,
    staged.outcome in ('fail', 'withdrawn') as is_adverse,
    staged.unregistered_on,
    concluded.occurred_date as decided_on
from concluded
join {{ ref('stg_statement') }} as staged using (tenant, seq)
join {{ ref('int_section') }} as section on section.tenant = concluded.tenant and section.section_key = concluded.section_key
where staged.outcome is not null
qualify row_number() over (partition by concluded.tenant, concluded.person_key, concluded.section_key order by concluded.seq desc) = 1
