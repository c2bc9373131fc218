{{ config(materialized='incremental', incremental_strategy='replace_slice', meta={
  'slice_of': 'int_touched', 'slice_keys': ['tenant', 'person_key'], 'slice_if': "slice.event = 'answered'"}) }}
select * from {{ ref('int_item_response_change') }}
-- depends on {{ ref('int_touched') }}, and on {{ ref('int_touched_item') }}, which compares with what this table was before
