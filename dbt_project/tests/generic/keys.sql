{# One query per rule and mart, however many columns: a test run must stay short enough to be run each time. #}

{% test key_is_unique(model, columns) %}
select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by all
having count(*) > 1
{% endtest %}

{% test never_null(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} is null{% if not loop.last %} or {% endif %}{% endfor %}
{% endtest %}

{# Both at once, for what no contract holds: unique, and only those columns null that say so. #}
{% test primary_key(model, columns, nullable=[]) %}
select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by all
having count(*) > 1 {% for column in columns if column not in nullable %}or {{ column }} is null {% endfor %}
{% endtest %}

{# A key that is not null names a row of the other mart, in the same tenant. #}
{% test points_to(model, column, to, field) %}
select distinct child.tenant, child.{{ column }}
from (select distinct tenant, {{ column }} from {{ model }} where {{ column }} is not null) as child
anti join {{ to }} as parent on parent.tenant = child.tenant and parent.{{ field }} = child.{{ column }}
{% endtest %}
