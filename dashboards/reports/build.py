"""What stands in each report: the figures of the pages, asked by the same functions. Small groups are masked; the class report names nobody."""

from __future__ import annotations

import datetime as dt

import polars as pl

from dashboards import learner, words
from dashboards.classes import Class, weeks
from dashboards.components import page
from dashboards.reports.document import Bar, Report, Section
from dashboards.visit import ROLE_NAMES, Visit, people_of
from learnlake import clock
from people import compliance
from people.purposes import PURPOSES

t, tn = words.room(__name__)
PERIOD_DAYS = 90
"""How far back the compliance report counts views, exports and disclosures: about a term."""
_CLASS = """
select count(*) as student_count, avg(is_inactive::int) as inactive_share, avg(mean_score) as mean_score,
    avg(completion_share) as completion_share
from msr_student
where section_key = $section and is_enrolled
"""
_SKILLS = """
select s.title, m.student_count, m.mastery_share
from msr_skill m
join dim_skill s on s.skill_key = m.skill_key
where m.section_key = $section and not s.is_combination
order by m.mastery_share, s.title
"""
_STUDENT = """
select m.mean_score, m.task_count, m.done_count, m.overdue_count, a.day_count, a.missed_count, a.excused_count
from msr_student m
left join msr_attendance a
    on a.person_key = m.person_key and a.session_key = m.session_key and a.school_key = m.school_key
where m.section_key = $section and m.person_key = $person
"""
_BADGES = (
    "select title, earned_date from msr_badge where person_key = $person order by earned_date desc, title"
)
_LEARNERS = """
select person_key
from dim_person
where role = 'student' and is_active and ($school is null or school_key = $school)
"""
_SOURCES = "select coalesce(platform, '') as platform, last_stored_at from qc_freshness order by platform"


def footer(visit: Visit, now: dt.datetime) -> str:
    """When the report was made, from which data, and in which role: never by whom."""
    return t(
        "Made {moment} in the role {role}, from data as of {day}, built {built} by run {run}.",
        moment=words.moment(now),
        role=t(ROLE_NAMES[visit.viewer.role]),
        day=visit.build.as_of,
        built=words.moment(visit.build.built_at),
        run=str(visit.build.run_id),
    )


def class_report(visit: Visit, chosen: Class, *, now: dt.datetime) -> Report:
    """One class for a parents' evening: figures of the whole class, no student's own; nothing of a class that is small."""
    size = visit.settings.small_group_size
    whole = visit.rows(_CLASS, {"section": chosen.section_key}).row(0, named=True)
    title = t("Class report: {name}", name=chosen.label)
    subtitle = t("As of {day}", day=chosen.as_of_date or visit.build.as_of)
    if whole["student_count"] < size:
        lead = t(
            "This class has fewer than {size} students: figures of so few would show its members.", size=size
        )
        return Report(title, subtitle, lead, footer(visit, now))
    done = weeks(visit, chosen.section_key)
    active = page.share(done["active_share"][-1]) if done.height else "–"
    facts = (
        (t("Students"), words.number(whole["student_count"])),
        (t("Active in the newest week"), active),
        (t("Mean score"), page.share(whole["mean_score"])),
        (t("Tasks handed in"), page.share(whole["completion_share"])),
    )
    lead = t(
        "How the class works together. Nobody is named here; ask for your own child's report.",
    )
    return Report(
        title, subtitle, lead, footer(visit, now), facts, _class_sections(visit, chosen, done, size)
    )


def _class_sections(visit: Visit, chosen: Class, done: pl.DataFrame, size: int) -> tuple[Section, ...]:
    parts = []
    if done.height:
        parts.append(
            Section(
                t("Week by week"),
                t("Complete weeks of the term; shares of the students, of the answers, of the lessons."),
                table=done.select(
                    pl.col("week_index").alias(t("Week")),
                    *(
                        pl.col(name).map_elements(page.share, pl.String, skip_nulls=False).alias(heading)
                        for name, heading in (
                            ("active_share", t("Active")),
                            ("correct_share", t("Right answers")),
                            ("mean_score", t("Mean score")),
                            ("absence_rate", t("Absence")),
                        )
                    ),
                ),
            )
        )
    skills = visit.rows(_SKILLS, {"section": chosen.section_key})
    skills = skills.filter((pl.col("student_count") >= size) & pl.col("mastery_share").is_not_null())
    if skills.height:
        bars = tuple(
            Bar(row["title"], row["mastery_share"], page.share(row["mastery_share"]))
            for row in skills.iter_rows(named=True)
        )
        parts.append(
            Section(
                t("Skills"),
                t(
                    "Share of the students who practised the skill that have mastered it, the least mastered first."
                ),
                bars,
                t("Bar chart of the share of students who have mastered each skill."),
            )
        )
    return tuple(parts)


def student_report(visit: Visit, chosen: Class, person_key: str, name: str, *, now: dt.datetime) -> Report:
    """One student in one class, for the family. The view is audited by whoever shows it."""
    found = visit.rows(_STUDENT, {"section": chosen.section_key, "person": person_key})
    row = found.row(0, named=True) if found.height else {}
    skills = learner.mastery(visit, person_key, chosen.section_key)
    missed, days = row.get("missed_count"), row.get("day_count")
    facts = (
        (t("Mean score"), page.share(row.get("mean_score"))),
        (t("Tasks handed in"), _of(row.get("done_count"), row.get("task_count"))),
        (t("School days missed"), _of(missed, days)),
        (t("Skills mastered"), _of(int(skills["is_mastered"].sum()), skills.height)),
    )
    lead = t("What {name} has worked on and learnt in {course}.", name=name, course=chosen.course_title)
    if row.get("overdue_count"):
        lead = tn(
            "Speak about {count} piece of work that is overdue.",
            "Speak about {count} pieces of work that are overdue.",
            row["overdue_count"],
        )
    return Report(
        t("Report: {name}", name=name),
        t("{name}, as of {day}", name=chosen.label, day=chosen.as_of_date or visit.build.as_of),
        lead,
        footer(visit, now),
        facts,
        _student_sections(visit, chosen, person_key, skills),
    )


def _of(part: float | None, whole: float | None) -> str:
    if not whole:
        return "–"
    return t("{part} of {whole}", part=int(part or 0), whole=int(whole))


def _student_sections(
    visit: Visit, chosen: Class, person_key: str, skills: pl.DataFrame
) -> tuple[Section, ...]:
    parts = []
    tried = skills.filter(pl.col("opportunity_count") > 0)
    if tried.height:
        parts.append(
            Section(
                t("Skills"),
                t("How sure it is that the skill is known, from the order of right and wrong answers."),
                tuple(
                    Bar(row["skill"], row["mastery"], f"{page.share(row['mastery'])} · {t(row['band'])}")
                    for row in tried.iter_rows(named=True)
                ),
                t("Bar chart of how sure it is that each skill is known."),
            )
        )
    results = learner.with_timeliness(learner.results(visit, person_key, chosen.section_key))
    if results.height:
        parts.append(
            Section(
                t("Results"),
                t("Newest first."),
                table=results.select(
                    pl.col("submitted_date").alias(t("Handed in")),
                    pl.col("title").alias(t("What")),
                    pl.col("score_pct").alias(t("Score (%)")),
                    pl.col("timeliness").alias(t("In time?")),
                ),
            )
        )
    badges = visit.rows(_BADGES, {"person": person_key})
    if badges.height:
        shown = badges.select(pl.col("title").alias(t("Badge")), pl.col("earned_date").alias(t("Earned on")))
        parts.append(Section(t("Achievements"), table=shown))
    return tuple(parts)


def compliance_report(visit: Visit, school_key: str | None, school: str, *, now: dt.datetime) -> Report:
    """What a school can show about how it keeps its learners' records, in numbers. AccessError for other roles than principals."""
    keys = visit.rows(_LEARNERS, {"school": school_key})["person_key"].to_list()
    since = clock.school_day(visit.settings) - dt.timedelta(days=PERIOD_DAYS)
    found = compliance.summary(people_of(visit.settings), visit.viewer, keys, since=since)
    size = visit.settings.small_group_size
    lead = t("Nothing is overdue, and the audit trail is whole.")
    if found.overdue:
        lead = tn(
            "Answer {count} request that is overdue: a month has passed since it was made.",
            "Answer {count} requests that are overdue: a month has passed since they were made.",
            found.overdue,
        )
    if found.trail_problems:
        lead = t("Speak with your administrator at once: the audit trail is not whole.")
    facts = (
        (t("Learners"), words.number(found.learner_count)),
        (t("Requests waiting"), words.number(found.waiting)),
        (t("Views of records"), words.number(found.views)),
        (t("Records refused"), words.number(found.refusals)),
    )
    return Report(
        t("Compliance report: {name}", name=school),
        t("As of {day}, counting back to {since}", day=clock.school_day(visit.settings), since=since),
        lead,
        footer(visit, now),
        facts,
        (_consents(found, size), _trail(found, since), _disclosed(found, since, size), _sources(visit)),
    )


def _masked(count: int, size: int) -> str:
    """A number of people as it may be told: none, `size` and more, or just that it is smaller."""
    return words.number(count) if count == 0 or count >= size else t("fewer than {size}", size=size)


def _part(count: int, rest: int, size: int) -> str:
    """One of two parts of a whole that is told: where one is small, neither number may give it away."""
    if 0 < rest < size <= count:
        return t("at least {count}", count=count + rest - size + 1)
    return _masked(count, size)


def _consents(found: compliance.Summary, size: int) -> Section:
    rows = [
        {
            t("Purpose"): one.purpose,
            t("What families are told"): PURPOSES[one.purpose].text,
            t("May be used"): _part(one.allowed_count, one.refused_count, size),
            t("May not"): _part(one.refused_count, one.allowed_count, size),
        }
        for one in found.consents
    ]
    return Section(
        t("What records may be used for today"), t("Numbers of learners."), table=pl.DataFrame(rows)
    )


def _trail(found: compliance.Summary, since: dt.date) -> Section:
    whole = (
        t("Every entry was checked: none was changed, removed or moved.")
        if not found.trail_problems
        else tn("{count} problem was found.", "{count} problems were found.", found.trail_problems)
    )
    rows = [
        {t("What"): t("Records looked at"), t("Entries"): found.views},
        {t("What"): t("Records taken away as a file"), t("Entries"): found.exports},
        {t("What"): t("Refused"), t("Entries"): found.refusals},
        {t("What"): t("Requests of families without an answer"), t("Entries"): found.waiting},
        {t("What"): t("of those overdue"), t("Entries"): found.overdue},
    ]
    return Section(t("The audit trail since {day}", day=since), whole, table=pl.DataFrame(rows))


def _disclosed(found: compliance.Summary, since: dt.date, size: int) -> Section:
    title = t("Records given to others since {day}", day=since)
    if not found.disclosures:
        return Section(title, t("No record was given to anybody outside the school."))
    rows = [
        {
            t("On"): one.on_date,
            t("To whom"): one.recipient,
            t("What for"): one.purpose,
            t("What"): one.what,
            t("Learners"): t("all") if one.person_count is None else _masked(one.person_count, size),
        }
        for one in found.disclosures
    ]
    return Section(
        title, t("To whom records were given, and of how many learners."), table=pl.DataFrame(rows)
    )


def _sources(visit: Visit) -> Section:
    found = visit.rows(_SOURCES)
    shown = found.select(
        pl.col("platform").alias(t("Source")), pl.col("last_stored_at").dt.date().alias(t("Last heard of"))
    )
    return Section(t("Where records come from"), t("Days are UTC days."), table=shown)
