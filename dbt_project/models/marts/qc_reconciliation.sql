with lake as (
    select tenant, stored_date, cast(sum(statement_count) as bigint) as lake_count
    from {{ ref('stg_lake_day') }} group by all
),

mart as (
    select tenant, stored_date, count(*) as mart_count
    from {{ ref('fct_statement') }} group by all
)

select
    tenant,
    stored_date,
    coalesce(lake.lake_count, 0) as lake_count,
    coalesce(mart.mart_count, 0) as mart_count,
    coalesce(lake.lake_count, 0) = coalesce(mart.mart_count, 0) as is_equal
from lake
full join mart using (tenant, stored_date)
