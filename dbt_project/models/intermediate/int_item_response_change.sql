-- First responses to items of the people whose answers this run has touched; on a rebuild of all. rest_share tells how the same person did
-- on the other items of the same test: it stands for ability, without the item itself.
with attempt as (
    select *
    from {{ ref('fct_attempt') }}
    where activity_key is not null
    {% if touched_only() -%}
        and (tenant, person_key) in (select row(tenant, person_key) from {{ ref('int_touched') }} where event = 'answered')
    {%- endif %}
    -- depends on {{ ref('int_touched') }}
),

staff as (select tenant, section_key, person_key from {{ ref('brg_enrolment') }} where role <> 'student'),

item as ( -- teachers try items out: theirs are no learner's answers
    select
        attempt.tenant,
        attempt.person_key,
        attempt.activity_key,
        count(*) as attempt_count,
        arg_min( -- a struct: a null inside it is a value of the first response, not a reason to take the second
            {'test_key': coalesce(attempt.assessment_key, attempt.course_key), 'is_correct': attempt.is_correct,
             'response': left(attempt.response_text, 200), 'seconds': attempt.duration_seconds},
            attempt.response_number
        ) as first
    from attempt
    anti join staff using (tenant, section_key, person_key)
    group by all
),

rest as (
    select
        *,
        count(*) over test - 1 as rest_count,
        sum(cast(first.is_correct as integer)) over test - cast(first.is_correct as integer) as rest_correct
    from item
    window test as (partition by tenant, person_key, first.test_key)
)

select
    tenant,
    person_key,
    activity_key,
    first.test_key as test_key,
    cast(attempt_count as integer) as attempt_count,
    first.is_correct as is_correct,
    first.response as response_text,
    first.seconds as duration_seconds,
    case when first.test_key is not null and rest_count > 0 then rest_correct / rest_count end as rest_share
from rest
