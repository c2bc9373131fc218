{#
  What the working file knows about its own last run, in schema `intermediate`:
    run_state        one row: is the last run complete, under which definitions, must this run rebuild all from staging
    run_fingerprint  people and calendar as the last complete run saw them (int_fingerprint)
  A run that fails leaves is_clean = false; the next one rebuilds every mart from staging. So no half-done run can last.
#}

{% macro counts_as_run() %}
  {{ return(flags.WHICH in ('run', 'build')) }}
{% endmacro %}

{# Everything but the statements and people that the marts depend on; when it changes, all is computed anew from staging. #}
{% macro definitions() %}
  {% set parts = [var('catalogue_dir') | string] %}
  {% for name in ('session_gap_minutes', 'inactive_days', 'chronic_absence_rate', 'chronic_absence_min_days', 'completion_share',
      'small_group_size', 'effect_min_people', 'item_min_people', 'item_rival_share') %}
    {% do parts.append(name ~ '=' ~ var(name)) %}
  {% endfor %}
  {% for node in graph.nodes.values() | sort(attribute='unique_id') if node.resource_type in ('model', 'seed') %}
    {% do parts.append(node.name ~ '=' ~ node.checksum.checksum) %}
  {% endfor %}
  {{ return(local_md5(parts | join('|'))) }}
{% endmacro %}

{% macro begin_run() %}
  {% if execute and counts_as_run() %}
    {% do run_query('create schema if not exists intermediate') %}
    {% do run_query('create table if not exists intermediate.run_state (is_clean boolean, must_rebuild boolean, definitions varchar)') %}
    {% do run_query('create table if not exists intermediate.run_fingerprint (kind varchar, tenant varchar, key varchar, key_2 varchar, value varchar)') %}
    {% do run_query('create table if not exists main.qc_quarantine (tenant varchar, seq bigint, is_excluded boolean)') %}
    {% do run_query('insert into intermediate.run_state select false, true, null where not exists (from intermediate.run_state)') %}
    {% set missing = missing_tables() %}
    {% if 'stg_statement' in missing and var('from_seq') | int > 0 and not flags.FULL_REFRESH %}
      {% do exceptions.raise_compiler_error(
        'The working file holds no staging.stg_statement, but the run starts after seq ' ~ var('from_seq')
        ~ '. Run with --full-refresh, from_seq 0 and all files of the lake.') %}
    {% endif %}
    {% do run_query(
      'update intermediate.run_state set must_rebuild = not is_clean or definitions is distinct from '
      ~ sql_text(definitions()) ~ ' or ' ~ ('true' if missing or flags.FULL_REFRESH else 'false')
      ~ ', is_clean = false, definitions = ' ~ sql_text(definitions())) %}
  {% endif %}
{% endmacro %}

{% macro missing_tables() %}
  {% set there = run_query('select table_name from information_schema.tables where table_catalog = current_database()').columns[0].values() %}
  {% set missing = [] %}
  {% for node in graph.nodes.values() if node.resource_type == 'model' and node.name not in there %}
    {% do missing.append(node.name) %}
  {% endfor %}
  {{ return(missing) }}
{% endmacro %}

{% macro end_run(results) %}
  {% if execute and counts_as_run() %}
    {% set built = [] %}
    {% for result in results if result.node.resource_type == 'model' and result.status == 'success' %}
      {% do built.append(result.node.name) %}
    {% endfor %}
    {% set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | list %}
    {% if built | length == models | length %}
      {% do run_query('create or replace table intermediate.run_fingerprint as select kind, tenant, key, key_2, value from intermediate.int_fingerprint where value is not null') %}
      {% do run_query('update intermediate.run_state set is_clean = true') %}
    {% endif %}
  {% endif %}
{% endmacro %}

{# True when this run computes only what has been touched: the last run was complete and under the same definitions. Models ask several times each,
so the answer is kept where all of a run's models see it. #}
{% macro touched_only() %}
  {% if not execute or flags.FULL_REFRESH or not counts_as_run() %}
    {{ return(false) }}
  {% endif %}
  {% if graph.run_asked != invocation_id %}
    {% set must_rebuild = run_query('select must_rebuild from intermediate.run_state').columns[0].values()[0] %}
    {% do graph.update({'run_asked': invocation_id, 'run_touches_only': not must_rebuild}) %}
  {% endif %}
  {{ return(graph.run_touches_only) }}
{% endmacro %}

{# The condition that rows are of a touched slice, in a run that computes only those; else none. `touched` is a model with a row per slice, by
`keys`, of which those that meet `condition` count; the rows are the alias `of`'s. Called with ref(...), so that dbt knows the dependency in every run. #}
{% macro only_touched(touched, keys, condition=none, of=none) -%}
  {%- if is_incremental() and touched_only() -%}
    ({% for key in keys %}{{ of ~ '.' if of }}{{ key }}{{ ', ' if not loop.last }}{% endfor %}) in (
      select row({{ keys | join(', ') }}) from {{ touched }}{{ ' where ' ~ condition if condition }})
  {%- else -%}
    true
  {%- endif -%}
{%- endmacro %}

{# The least value of `column` in `rows` (a relation or a subquery), as a literal of `type`: DuckDB passes over whole blocks of rows that lie before a
literal, not before what a join brings. For a run under touched_only(). #}
{% macro earliest(rows, column, type) -%}
  {%- set found = run_query('select cast(min(' ~ column ~ ') as varchar) from ' ~ rows).columns[0].values()[0] if execute else none -%}
  cast({{ sql_text(found) if found else 'null' }} as {{ type }})
{%- endmacro %}
