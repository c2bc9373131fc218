{# Assessments with a deadline, each with the sections it is due in, as `activity` and `section` (a CTE of the model that calls this): with a section's
id in the catalogue in that one, without in all of its course. #}
{% macro due_assessments(activities, catalogue) -%}
  (select * from {{ activities }} where due_date is not null and type = 'http://adlnet.gov/expapi/activities/assessment') as activity
    join {{ catalogue }} as catalogued on catalogued.tenant = activity.tenant and catalogued.iri = activity.iri
    join section
        on section.tenant = activity.tenant
        and case
            when catalogued.section_id is not null then section.section_key = activity.tenant || ':' || catalogued.section_id
            else section.course_key = activity.course_key
        end
{%- endmacro %}
