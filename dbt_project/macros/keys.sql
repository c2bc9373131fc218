{# Keys that are made here. All others come from people. #}
{% macro activity_key(tenant, iri) -%}
  case when {{ iri }} is not null then {{ tenant }} || ':' || md5({{ iri }}) end
{%- endmacro %}

{# Key of a skill or of a combination: TENANT: and the sorted skill ids, joined by +. #}
{% macro skill_key(tenant, skill_ids) -%}
  case when {{ skill_ids }} is not null then {{ tenant }} || ':' || array_to_string({{ skill_ids }}, '+') end
{%- endmacro %}

{# Week of a day: 0 is everything before the session's start, week w (1..) the days 7(w-1) .. 7w-1. #}
{% macro week_index(day, start_date) -%}
  case when {{ day }} < {{ start_date }} then 0 else ({{ day }} - {{ start_date }}) // 7 + 1 end
{%- endmacro %}

{# Where a response stands among a person's: the source's own order, where it has one, before the clock's. #}
{% macro response_place(source_sequence, occurred_at) -%}
  {'source_sequence': coalesce({{ source_sequence }}, 9223372036854775807), 'occurred_at': {{ occurred_at }}}
{%- endmacro %}
