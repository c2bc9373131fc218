{# Events that are use of a resource: looking at it or playing it. #}
{% macro is_use(event) -%}
  coalesce({{ event }} in ('viewed', 'video_initialized', 'video_played', 'video_completed'), false)
{%- endmacro %}
