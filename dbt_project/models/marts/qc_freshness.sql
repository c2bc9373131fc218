select
    tenant,
    coalesce(platform, 'unknown') as platform,
    count(*) as statement_count,
    max(stored_at) as last_stored_at,
    max(occurred_at) as last_occurred_at
from {{ ref('fct_statement') }}
group by all
