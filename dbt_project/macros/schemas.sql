{# A model's schema is the one its folder names, as it stands: staging, intermediate, main. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
