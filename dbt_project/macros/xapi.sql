{# Where staging finds things in a statement. All JSON paths are read in one pass over the text. #}

{% macro statement_paths() %}
  {% set ll = 'https://w3id.org/learnlake/xapi/extensions/' %}
  {% set paths = {
    'response': 'result.response',
    'object_name': 'object.definition.name',
    'parent_name': 'context.contextActivities.parent[0].definition.name',
  } %}
  {% for name in ('clicks', 'is-late', 'is-excused', 'is-banked', 'outcome', 'unregistered-on', 'prior-attempts', 'studied-credits') %}
    {% do paths.update({name | replace('-', '_'): 'result.extensions."' ~ ll ~ name ~ '"'}) %}
  {% endfor %}
  {% for name in ('is-generated', 'sequence') %}
    {% do paths.update({name | replace('-', '_'): 'context.extensions."' ~ ll ~ name ~ '"'}) %}
  {% endfor %}
  {{ return(paths) }}
{% endmacro %}

{# A list of JSON values, one per path; read one with statement_field(). #}
{% macro statement_fields(raw) -%}
  json_extract({{ raw }}, [{% for path in statement_paths().values() %}'$.{{ path }}'{% if not loop.last %}, {% endif %}{% endfor %}])
{%- endmacro %}

{% macro statement_field(name) -%}
  (fields[{{ (statement_paths().keys() | list).index(name) + 1 }}] ->> '$')
{%- endmacro %}

{# A language map as one text: English before others. #}
{% macro statement_title(name) -%}
  {%- set map = 'fields[' ~ ((statement_paths().keys() | list).index(name) + 1) ~ ']' -%}
  coalesce({{ map }} ->> '$."en-US"', {{ map }} ->> '$.en', ({{ map }} ->> '$.*')[1])
{%- endmacro %}

{% macro course_types() -%}
  ('http://adlnet.gov/expapi/activities/course', 'http://id.tincanapi.com/activitytype/lms/course')
{%- endmacro %}

{% macro section_types() -%}
  ('https://w3id.org/learnlake/xapi/activity-types/section')
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
