{#
  How this project's tables are made. dbt's own ways write a draft, rename twice, drop, and compare columns by a dozen catalogue queries:
  with seventy models that is most of a small run. Definitions decide about columns, and a change of those rebuilds all (begin_run), so
  columns are compared then and only then.
#}

{% materialization table, adapter='duckdb' %}
  {%- set target = this.incorporate(type='table') -%}
  {% call statement('main') -%} {{ make_table(target, compiled_code) }} {%- endcall %}
  {% do adapter.commit() %}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#
  A part of the table is replaced in one transaction, by `incremental_strategy`:
    replace_slice     the slice that this run computed anew, also where rows have gone. The model's config names it:
                        meta: slice_of: the model whose rows name the slice      slice_keys: columns that both have
                              slice_if: further condition on `target` and `slice` (optional)
    replace_keys      rows with the keys (meta: keys) of the new ones
    replace_new_seq   rows of the lake that this run read (meta: seq_column): a run that is repeated stores nothing twice
  Where the run computes everything (not touched_only), the table is made anew, except for what is read from the lake's new files only.
#}
{% materialization incremental, adapter='duckdb' %}
  {%- set target = this.incorporate(type='table') -%}
  {%- set strategy = config.require('incremental_strategy') -%}
  {%- set is_whole = should_full_refresh() or load_cached_relation(this) is none or (strategy != 'replace_new_seq' and not touched_only()) -%}
  {% call statement('main') -%}
    {% if is_whole -%}
      {{ make_table(target, compiled_code) }}
    {%- else -%}
      create or replace temp table new_rows as (
{{ compiled_code }}
      );
      delete from {{ target }} as target where {{ replaced_rows(strategy, config.get('meta')) }};
      insert into {{ target }} by name select {{ declared_columns() }} from new_rows;
      drop table new_rows;
    {%- endif %}
  {%- endcall %}
  {% do adapter.commit() %}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% macro make_table(target, sql) -%}
  {% if config.get('contract').enforced and not touched_only() %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
  create or replace table {{ target }} as
  select {{ declared_columns() }} from (
{{ sql }}
  )
{%- endmacro %}

{# Columns under contract in their declared order, whatever the select's; else all. #}
{% macro declared_columns() -%}
  {{ (model.columns.values() | map(attribute='name') | join(', ')) if config.get('contract').enforced else '*' }}
{%- endmacro %}

{# Which rows of `target` the new ones replace. #}
{% macro replaced_rows(strategy, meta) -%}
  {%- if strategy == 'replace_slice' -%}
    exists (
      select 1 from {{ ref(meta.slice_of) }} as slice
      where {% for key in meta.slice_keys %}target.{{ key }} = slice.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
      {% if meta.slice_if %} and {{ meta.slice_if }}{% endif %}
    )
  {%- elif strategy == 'replace_keys' -%}
    exists (select 1 from new_rows where {% for key in meta['keys'] %}target.{{ key }} = new_rows.{{ key }}{{ ' and ' if not loop.last }}{% endfor %})
  {%- elif strategy == 'replace_new_seq' -%}
    target.{{ meta.seq_column }} > {{ var('from_seq') }}
  {%- else -%}
    {{ exceptions.raise_compiler_error('No incremental strategy is called ' ~ strategy ~ '; see macros/materializations.sql.') }}
  {%- endif -%}
{%- endmacro %}
