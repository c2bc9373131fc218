select distinct
    tenant,
    tenant || ':' || skill_id as skill_key,
    tenant || ':' || prerequisite_skill_id as prerequisite_skill_key
from {{ source('catalogue', 'prerequisite') }}
