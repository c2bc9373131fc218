-- The same students before and after: whoever is in one of the two sessions only tells nothing about change.
with student as (
    select
        measure.tenant,
        measure.person_key,
        measure.school_key,
        coalesce(section.subject, 'unknown') as subject,
        measure.session_key,
        section.start_date,
        section.end_date,
        sum(measure.mean_score * measure.score_count) / sum(measure.score_count) as mean_score
    from {{ ref('msr_student') }} as measure
    join {{ ref('int_section') }} as section using (tenant, section_key)
    where measure.score_count > 0 and measure.school_key is not null
    group by measure.tenant, measure.person_key, measure.school_key, coalesce(section.subject, 'unknown'), measure.session_key, section.start_date, section.end_date
),

paired as ( -- the newest of the person's sessions in the subject that was over when this one began
    select
        later.tenant,
        later.person_key,
        later.school_key,
        later.subject,
        later.session_key,
        earlier.session_key as previous_session_key,
        later.mean_score as score_after,
        earlier.mean_score as score_before
    from student as later
    join student as earlier
        on earlier.tenant = later.tenant and earlier.person_key = later.person_key and earlier.subject = later.subject
        and earlier.end_date < later.start_date
    qualify row_number() over (
        partition by later.tenant, later.person_key, later.school_key, later.subject, later.session_key
        order by earlier.end_date desc, earlier.session_key, earlier.school_key
    ) = 1
),

measured as (
    select
        tenant,
        school_key,
        subject,
        session_key,
        previous_session_key,
        count(*) as student_count,
        avg(score_before) as mean_before,
        avg(score_after) as mean_after,
        avg(score_after - score_before) as mean_change,
        stddev_samp(score_after - score_before) as change_sd
    from paired
    group by all
)

select
    tenant,
    school_key,
    subject,
    session_key,
    previous_session_key,
    cast(student_count as integer) as student_count,
    cast(mean_before as double) as mean_before,
    cast(mean_after as double) as mean_after,
    cast(mean_change as double) as mean_change,
    cast(case when student_count >= 10 then mean_change - 1.96 * change_sd / sqrt(student_count) end as double) as change_low,
    cast(case when student_count >= 10 then mean_change + 1.96 * change_sd / sqrt(student_count) end as double) as change_high
from measured
