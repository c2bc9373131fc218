-- Items of which a first response has come, gone or changed: those are measured anew. Only responses of touched people are compared.
with after_run as (select * from {{ ref('int_item_response_change') }})

{%- if not touched_only() %}

select distinct tenant, activity_key from after_run
-- depends on, when touched: {{ ref('int_touched') }}
{%- else %},

before_run as (
    select *
    from {{ last_build('int_item_response', schema='intermediate') }}
    where (tenant, person_key) in (select row(tenant, person_key) from {{ ref('int_touched') }} where event = 'answered')
)

select distinct tenant, activity_key
from ((from after_run except from before_run) union all (from before_run except from after_run))
{%- endif %}
