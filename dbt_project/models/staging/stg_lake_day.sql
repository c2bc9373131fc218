{{ config(materialized='incremental', incremental_strategy='replace_new_seq', meta={'seq_column': 'first_seq'}) }}
-- Counts of the lake's own rows, taken without the staging of statements: what reconciliation compares against.
select
    tenant,
    stored_date,
    min(seq) as first_seq,
    count(*) as statement_count
from {{ source('lake', 'statement') }}
group by all
