{# Mondays to Fridays from 1970-01-05, a Monday, up to and including a day. #}
{% macro weekday_number(day) -%}
  (5 * (({{ day }} - date '1970-01-05') // 7) + least(({{ day }} - date '1970-01-05') % 7 + 1, 5))
{%- endmacro %}

{# Mondays to Fridays that lie strictly between two days, the first before the second. #}
{% macro weekdays_between(first, second) -%}
  ({{ weekday_number('cast(' ~ second ~ ' - 1 as date)') }} - {{ weekday_number(first) }})
{%- endmacro %}

{# Mondays to Fridays from `first` up to `day`, both included; a streak of a weekend alone counts one. #}
{% macro weekdays_up_to(day, first) -%}
  greatest(1, {{ weekday_number(day) }} - {{ weekday_number('cast(' ~ first ~ ' - 1 as date)') }})
{%- endmacro %}
