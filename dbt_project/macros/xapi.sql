{#
  What staging knows of xAPI, read from the seeds while a run compiles: `field_map` says where in a statement a field stands,
  `activity_type` which types of activity are courses, classes and so on. All JSON paths are read in one pass over the text.
#}

{# Places that staging itself needs, whatever the source: names of the object and of the parents. #}
{% macro own_places() %}
  {{ return({'object_name': 'object.definition.name', 'parents': 'context.contextActivities.parent'}) }}
{% endmacro %}

{# Field -> numbers of its paths in `paths`, the first that says something counts. #}
{% macro field_map() %}
  {% set map = {'paths': [], 'numbers': {}} %}
  {% for name, path in own_places().items() %}
    {% do map.paths.append(path) %}
    {% do map.numbers.update({name: [map.paths | length]}) %}
  {% endfor %}
  {% set seed = ref('field_map') %}
  {% if execute %}
    {% for row in run_query('select field, place, extension from ' ~ seed ~ ' order by field, position').rows %}
      {% do map.paths.append(row[1] ~ ('."' ~ row[2] ~ '"' if row[2] else '')) %}
      {% do map.numbers.setdefault(row[0], []).append(map.paths | length) %}
    {% endfor %}
  {% endif %}
  {{ return(map) }}
{% endmacro %}

{# A list of JSON values, one per path; read one with statement_field(). #}
{% macro statement_fields(map, raw) -%}
  json_extract({{ raw }}, [{% for path in map.paths %}{{ sql_text('$.' ~ path) }}{% if not loop.last %}, {% endif %}{% endfor %}])
{%- endmacro %}

{# The field as text; an unknown name stops the run. #}
{% macro statement_field(map, name) -%}
  {%- if not execute -%} null
  {%- elif name not in map.numbers -%} {{ exceptions.raise_compiler_error('seeds/field_map.csv has no row for the field ' ~ name ~ ', which staging reads.') }}
  {%- else -%} coalesce({% for number in map.numbers[name] %}fields[{{ number }}] ->> '$'{% if not loop.last %}, {% endif %}{% endfor %})
  {%- endif -%}
{%- endmacro %}

{# A language map as one text: English before others. #}
{% macro language_text(map) -%}
  coalesce({{ map }} ->> '$."en-US"', {{ map }} ->> '$.en', ({{ map }} ->> '$.*')[1])
{%- endmacro %}

{# The name that the statement gives to the parent of this IRI, as a language map. #}
{% macro parent_name(map, iri) -%}
  (fields[{{ map.numbers.parents[0] }}] -> ('$[' || (list_position(json_extract_string(fields[{{ map.numbers.parents[0] }}], '$[*].id'), {{ iri }}) - 1) || '].definition.name'))
{%- endmacro %}

{# Types of activity of these kinds, as a list for `in`. #}
{% macro types_of(kinds) -%}
  {%- set seed = ref('activity_type') -%}
  {%- set found = [''] -%}
  {%- if execute -%}
    {%- for row in run_query('select activity_type, kind from ' ~ seed ~ ' order by 1').rows if row[1] in kinds -%}
      {%- do found.append(row[0]) -%}
    {%- endfor -%}
  {%- endif -%}
  ({% for type in found %}{{ sql_text(type) }}{% if not loop.last %}, {% endif %}{% endfor %})
{%- endmacro %}

{# IRI of the first context activity of these types, by relation; else of the object, if it is one. #}
{% macro context_iri(types) -%}
  coalesce(
    {% for relation in ('grouping', 'parent', 'other', 'category') -%}
    list_filter(context_activities, lambda a: a.relation = '{{ relation }}' and a.type in {{ types }})[1].id,
    {% endfor -%}
    case when object_activity_type in {{ types }} then object_id end
  )
{%- endmacro %}
