-- A course without a catalogue has no unknown activities: somebody has to have said what belongs to it.
with catalogued as (select distinct tenant, {{ activity_key('tenant', 'iri') }} as activity_key from {{ source('catalogue', 'activity') }}),

course as (
    select distinct tenant, course_key from {{ ref('dim_content') }} where kind = 'activity' and course_key is not null
)

select
    statement.tenant,
    statement.course_key,
    statement.activity_key,
    count(*) as statement_count,
    max(statement.stored_at) as last_stored_at,
    min(statement.statement_id) as example_statement_id
from {{ ref('fct_statement') }} as statement
semi join course on course.tenant = statement.tenant and course.course_key = statement.course_key
anti join catalogued on catalogued.tenant = statement.tenant and catalogued.activity_key = statement.activity_key
where statement.activity_key is not null and statement.event in ('answered', 'submitted') and not statement.is_voided
group by all
