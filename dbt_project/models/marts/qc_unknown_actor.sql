select
    tenant,
    coalesce(platform, 'unknown') as platform,
    count(*) as statement_count,
    cast(count_if(event is not null) as bigint) as mapped_count,
    min(stored_at) as first_stored_at,
    max(stored_at) as last_stored_at,
    min(statement_id) as example_statement_id
from {{ ref('fct_statement') }}
where person_key is null and not is_voided
group by all
