{#
  The run's inputs as views, so that models read them with source() and unit tests can give rows in their place.
  A file that is absent (no catalogue yet, nothing sealed) becomes an empty relation of the same columns. Predictions are tables of the
  working file that a later stage fills; dbt makes an empty one where it runs without that stage.
#}

{% macro sql_text(value) -%}
  '{{ value | string | replace("'", "''") }}'
{%- endmacro %}

{% macro sql_text_list(values) -%}
  [{% for value in values %}{{ sql_text(value) }}{% if not loop.last %}, {% endif %}{% endfor %}]
{%- endmacro %}

{% macro as_of() -%}
  {%- if execute and counts_as_run() and not var('as_of') -%}
    {%- do exceptions.raise_compiler_error('The var as_of is missing: the ISO date of the day that counts as today.') -%}
  {%- endif -%}
  date {{ sql_text(var('as_of') or '1970-01-01') }}
{%- endmacro %}

{% macro create_sources() %}
  {% if execute and flags.WHICH in ('run', 'build', 'test', 'seed') %}
    {% for source in graph.sources.values() if source.source_name == 'predictions' %}
      {% do run_query('create table if not exists ' ~ source.schema ~ '.' ~ source.identifier ~ ' (' ~ column_list(source) ~ ')') %}
    {% endfor %}
    {% for source in graph.sources.values() if source.source_name != 'predictions' %}
      {% set folder = var('people_dir') if source.source_name == 'people' else var('catalogue_dir') %}
      {% do run_query('create schema if not exists ' ~ source.schema) %}
      {% if source.source_name == 'lake' %}
        {% set relation = lake_relation(var('lake_files')) %}
      {% elif folder and has_file(folder ~ '/' ~ source.identifier ~ '.parquet') %}
        {% set relation = 'read_parquet(' ~ sql_text(folder ~ '/' ~ source.identifier ~ '.parquet') ~ ')' %}
      {% else %}
        {% set relation = none %}
      {% endif %}
      {% set columns = [] %}
      {% for column in source.columns.values() %}
        {% do columns.append(('cast(' ~ (column.name if relation else 'null') ~ ' as ' ~ column.data_type ~ ') as ' ~ column.name)) %}
      {% endfor %}
      {% do run_query(
        'create or replace view ' ~ source.schema ~ '.' ~ source.identifier ~ ' as select ' ~ columns | join(', ')
        ~ (' from ' ~ relation if relation else ' where false')) %}
    {% endfor %}
  {% endif %}
{% endmacro %}

{% macro column_list(source) -%}
  {% for column in source.columns.values() %}{{ column.name }} {{ column.data_type }}{% if not loop.last %}, {% endif %}{% endfor %}
{%- endmacro %}

{% macro has_file(path) %}
  {{ return(run_query('select count(*) from glob(' ~ sql_text(path) ~ ')').columns[0].values()[0] > 0) }}
{% endmacro %}

{% macro lake_relation(files) %}
  {% if files %}
    {{ return(
      'read_parquet(' ~ sql_text_list(files)
      ~ ", hive_partitioning = true, hive_types = {'tenant': varchar, 'stored_date': date}, union_by_name = true)"
      ~ ' where seq > ' ~ var('from_seq') ~ ' and seq <= ' ~ var('to_seq')) }}
  {% endif %}
  {{ return(none) }}
{% endmacro %}
