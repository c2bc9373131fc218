"""One class for who leads its school: its weeks beside the school's, its skills, its risk by band. No student of its own is shown."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.principal import measures
from dashboards.principal.choosing import choose
from dashboards.principal.measures import MEASURES, Choice
from dashboards.visit import Visit
from dashboards.words import mark

t, _tn = words.room(__name__)
TITLE = mark("One class")
_SKILLS = """
select s.title, m.student_count, m.correct_share, m.mastery_share, m.mastery_gap
from msr_skill m
join dim_skill s on s.skill_key = m.skill_key
where m.section_key = $section and not s.is_combination
order by m.mastery_share nulls last, s.title
"""
_WEEKS = """
select w.week_index, w.active_student_count / nullif(w.student_count, 0) as active_share, w.mean_score, w.absence_rate
from msr_class_week w
join dim_academic_session s on s.session_key = w.session_key
where w.section_key = $section and w.week_index >= 1 and (not s.is_running or w.week_end_date < s.as_of_date)
order by w.week_index
"""


def render(visit: Visit) -> None:
    """The page: chooser, finding, figures beside the school's, weeks, skills."""
    heading = st.container()
    chosen = choose(visit, t(TITLE))
    if chosen is None:
        return
    groups = measures.groups(visit, chosen)
    found = groups.filter(pl.col("level") == "class").sort("title")
    if found.is_empty():
        with heading:
            page.header(visit, t(TITLE), t("Choose a term in which your school has classes with students."))
        states.empty(t("No class with students in this term"), t("Choose another term."))
        return
    titles = dict(zip(found["group_key"], found["title"], strict=True))
    section = filters.choose(t("Class"), titles, param="class")
    one = found.filter(pl.col("group_key") == section).row(0, named=True)
    whole = groups.filter(pl.col("level") == "school").row(0, named=True)
    with heading:
        page.header(visit, one["title"], _lead(one, whole))
    if one["is_masked"]:
        size = visit.settings.small_group_size
        states.empty(
            t("This class is too small to show"),
            t(
                "Figures of fewer than {size} students, or of the one class beside such a class, would show its members. Ask "
                "its teacher.",
                size=size,
            ),
        )
        return
    _figures(one, whole)
    _weeks(visit, chosen, section)
    _skills(visit, section)


def _lead(one: dict, whole: dict) -> str:
    """The measure in which the class lies furthest behind the school, as what to speak about."""
    behind = [
        (gap, measure)
        for measure in MEASURES.values()
        if one[measure.name] is not None and whole[measure.name] is not None
        for gap in [(one[measure.name] - whole[measure.name]) * (1 if measure.high_is_need else -1)]
        if round(100 * gap) >= 1
    ]
    if not behind:
        return t(
            "Ask the teacher what works here: this class lies behind the school in nothing that is measured."
        )
    measure = max(behind, key=lambda found: found[0])[1]
    return t(
        "Speak with the teacher about {measure}: {here} here, {school} in the school.",
        measure=t(measure.within),
        here=page.share(one[measure.name]),
        school=page.share(whole[measure.name]),
    )


def _figures(one: dict, whole: dict) -> None:
    tiles = [page.Tile(t("Students"), words.number(one["student_count"]))]
    for measure in MEASURES.values():
        change = page.points(one[measure.name], whole[measure.name])
        tiles.append(
            page.Tile(
                t(measure.label),
                page.share(one[measure.name]),
                change,
                higher_is_good=not measure.high_is_need,
                help=t(
                    "{explanation}. Small figure: the difference from the school.",
                    explanation=t(measure.explanation),
                ),
            )
        )
    page.tiles(*tiles)


def _weeks(visit: Visit, chosen: Choice, section: str) -> None:
    own = visit.rows(_WEEKS, {"section": section})
    drawn = own.filter(pl.col("active_share").is_not_null())
    if drawn.is_empty():
        states.empty(
            t("No complete week yet"), t("The first picture appears when the class has completed a week.")
        )
        return
    school = measures.weeks(visit, chosen)
    colours = design.palette()
    both = pl.concat(
        [
            frame.select("week_index", "active_share").with_columns(pl.lit(whose).alias("whose"))
            for whose, frame in ((t("This class"), drawn), (t("School"), school))
        ]
    )
    last = drawn.row(-1, named=True)
    finding = t(
        "{share} of the class was active in week {week}",
        share=page.share(last["active_share"]),
        week=last["week_index"],
    )
    charts.figure(
        finding,
        t("Share of students with any activity, by week of the term (complete weeks)"),
        charts.weekly_line(
            both,
            y="active_share",
            y_title=t("Active students"),
            y_format=".0%",
            series="whose",
            colours={t("This class"): colours.fine, t("School"): colours.neutral},
        ),
        text=t("Line chart of active students by week, class and school. {finding}.", finding=finding),
        how=notes.definitions(
            **{
                t("Class"): "msr_class_week.active_student_count",
                t("School"): "msr_school_week.active_student_count",
            }
        ),
    )


def _skills(visit: Visit, section: str) -> None:
    found = visit.rows(_SKILLS, {"section": section})
    if found.is_empty():
        states.empty(
            t("No skills practised yet"), t("They appear after the first answers to questions with skills.")
        )
        return
    first = found.row(0, named=True)
    told = first["mastery_share"] is not None
    page.section(
        t(
            "{skill} is mastered by the fewest: {share}",
            skill=first["title"],
            share=page.share(first["mastery_share"]),
        )
        if told
        else t("Skills"),
        t("Least mastered first. The gap compares with everybody who practised the skill."),
    )
    shares = ("correct_share", "mastery_share", "mastery_gap")
    tables.table(
        found.with_columns((100 * pl.col(name)).round(0).alias(name) for name in shares),
        {
            "title": t("Skill"),
            "student_count": t("Students"),
            "mastery_share": t("Mastered (%)"),
            "mastery_gap": t("Gap (points)"),
            "correct_share": t("Right answers (%)"),
        },
        file_name="skills-of-the-class",
        alt=t("Skills of the class, least mastered first"),
    )
    page.how_worked_out(
        notes.definitions(
            **{
                t("Mastered"): "msr_skill.mastery_share",
                t("Gap"): "msr_skill.mastery_gap",
                t("Students"): "msr_skill",
            }
        )
    )
