{#
  Statements that broke a promise of their source so badly that they may count in no mart: a time in the future, an impossible
  score. data_contracts.quarantine fills the table before dbt runs; dbt by itself finds it empty (begin_run).
#}
{% macro quarantine() -%}
  {{ api.Relation.create(database=target.database, schema='main', identifier='qc_quarantine') }}
{%- endmacro %}
