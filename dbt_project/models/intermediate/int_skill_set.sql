{{ config(materialized='incremental', incremental_strategy='replace_keys', meta={'keys': ['tenant', 'skill_key']}) }}
-- Skills and combinations of skills that statements exercise.
select distinct
    tenant,
    {{ skill_key('tenant', 'skill_ids') }} as skill_key,
    skill_ids
from {{ ref('stg_statement') }}
where skill_ids is not null
{% if is_incremental() and touched_only() %}and seq > {{ var('from_seq') }}{% endif %}
