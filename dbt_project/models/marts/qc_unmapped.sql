select
    statement.tenant,
    statement.verb_id,
    coalesce(staged.object_activity_type, staged.object_type) as object_activity_type,
    count(*) as statement_count,
    min(statement.statement_id) as example_statement_id
from {{ ref('fct_statement') }} as statement
join {{ ref('stg_statement') }} as staged using (tenant, seq)
anti join (select tenant, seq from {{ quarantine() }} where is_excluded) as excluded using (tenant, seq)
where statement.event is null
group by all
