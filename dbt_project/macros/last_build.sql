{#
  A table as the last complete run left it, for a model that stands before it: which rows did these statements use to be?
  Not a ref(), which would close a circle. Only meaningful under touched_only(), which promises that the table is there and whole.
#}
{% macro last_build(name, schema='main') -%}
  {{ api.Relation.create(database=target.database, schema=schema, identifier=name) }}
{%- endmacro %}
