{#
  Incremental strategy `replace_slice`: deletes the slice of the table that this run computed anew and puts the new rows in its
  place. Unlike delete+insert it also deletes rows whose keys no longer come out of the model. The model's config names the slice:
    meta:
      slice_of: the model whose rows name the slice      slice_keys: columns that both have
      slice_if: further condition on `target` and `slice` (optional)
  A model without slice_of is rebuilt from all its input each time its table is not touched_only; see docs/marts.md.
#}
{% macro get_incremental_replace_slice_sql(arg_dict) %}
  {% set meta = config.get('meta') or {} %}
  {% set columns = arg_dict.dest_columns | map(attribute='quoted') | join(', ') %}
  {% if not touched_only() %}
    delete from {{ arg_dict.target_relation }};
  {% else %}
    delete from {{ arg_dict.target_relation }} as target
    where exists (
      select 1 from {{ ref(meta.slice_of) }} as slice
      where {% for key in meta.slice_keys %}target.{{ key }} = slice.{{ key }}{% if not loop.last %} and {% endif %}{% endfor %}
      {% if meta.slice_if %} and {{ meta.slice_if }}{% endif %}
    );
  {% endif %}
  insert into {{ arg_dict.target_relation }} ({{ columns }}) select {{ columns }} from {{ arg_dict.temp_relation }};
{% endmacro %}

{# Rows of the lake that this run read replace what the table had of them: a run that is repeated stores nothing twice. #}
{% macro get_incremental_replace_new_seq_sql(arg_dict) %}
  {% set columns = arg_dict.dest_columns | map(attribute='quoted') | join(', ') %}
  delete from {{ arg_dict.target_relation }} where {{ config.get('meta').seq_column }} > {{ var('from_seq') }};
  insert into {{ arg_dict.target_relation }} ({{ columns }}) select {{ columns }} from {{ arg_dict.temp_relation }};
{% endmacro %}
