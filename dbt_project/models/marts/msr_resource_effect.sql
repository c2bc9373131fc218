-- An association, no cause: who opens a page may differ in much else. What can be held still is: students are compared within the same
-- section and half of it by activity, and each such stratum weighs by how much it can tell (overlap weights: n used x n not / n).
with student as (
    select
        tenant,
        person_key,
        section_key,
        course_key,
        school_key,
        mean_score,
        ntile(2) over (partition by tenant, section_key order by active_days, person_key) as activity_half
    from {{ ref('msr_student') }}
    where score_count > 0 and course_key is not null
),

stratum as (
    select tenant, course_key, section_key, activity_half, count(*) as student_count, sum(mean_score) as score_sum, sum(mean_score * mean_score) as score_square_sum
    from student
    group by all
),

used as (
    select student.tenant, student.course_key, student.section_key, student.activity_half, use.activity_key,
        count(*) as used_count, sum(student.mean_score) as used_sum, sum(student.mean_score * student.mean_score) as used_square_sum
    from student
    join {{ ref('int_resource_use') }} as use using (tenant, person_key, section_key)
    group by all
),

compared as (
    select
        used.tenant,
        used.course_key,
        used.activity_key,
        used.used_count,
        stratum.student_count - used.used_count as other_count,
        used.used_sum / used.used_count as used_mean,
        (stratum.score_sum - used.used_sum) / (stratum.student_count - used.used_count) as other_mean,
        greatest(0, used.used_square_sum - used.used_sum * used.used_sum / used.used_count) / (used.used_count - 1) as used_variance,
        greatest(
            0,
            stratum.score_square_sum - used.used_square_sum
            - (stratum.score_sum - used.used_sum) * (stratum.score_sum - used.used_sum) / (stratum.student_count - used.used_count)
        ) / (stratum.student_count - used.used_count - 1) as other_variance,
        used.used_count * (stratum.student_count - used.used_count) / stratum.student_count as weight
    from used
    join stratum using (tenant, course_key, section_key, activity_half)
    where used.used_count >= 2 and stratum.student_count - used.used_count >= 2
),

measured as (
    select
        tenant,
        course_key,
        activity_key,
        sum(used_count) as used_count,
        sum(other_count) as other_count,
        sum(weight * used_mean) / sum(weight) as used_mean,
        sum(weight * other_mean) / sum(weight) as other_mean,
        sqrt(sum(weight * weight * (used_variance / used_count + other_variance / other_count))) / sum(weight) as standard_error
    from compared
    group by all
)

select
    tenant,
    course_key,
    activity_key,
    cast(used_count as integer) as used_count,
    cast(other_count as integer) as other_count,
    cast(used_mean as double) as used_mean,
    cast(other_mean as double) as other_mean,
    cast(used_mean - other_mean as double) as score_difference,
    cast(used_mean - other_mean - 1.96 * standard_error as double) as difference_low,
    cast(used_mean - other_mean + 1.96 * standard_error as double) as difference_high
from measured
where used_count >= {{ var('effect_min_people') }} and other_count >= {{ var('effect_min_people') }}
