"""One class for who leads its school: its weeks beside the school's, its skills, its risk by band. No student of its own is shown."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import design
from dashboards.components import charts, filters, notes, page, states, tables
from dashboards.principal import measures
from dashboards.principal.choosing import choose
from dashboards.principal.measures import MEASURES, Choice
from dashboards.visit import Visit

TITLE = "One class"
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
    chosen = choose(visit, TITLE)
    if chosen is None:
        return
    groups = measures.groups(visit, chosen)
    found = groups.filter(pl.col("level") == "class").sort("title")
    if found.is_empty():
        with heading:
            page.header(visit, TITLE, "Choose a term in which your school has classes with students.")
        states.empty("No class with students in this term", "Choose another term.")
        return
    titles = dict(zip(found["group_key"], found["title"], strict=True))
    section = filters.choose("Class", titles, param="class")
    one = found.filter(pl.col("group_key") == section).row(0, named=True)
    whole = groups.filter(pl.col("level") == "school").row(0, named=True)
    with heading:
        page.header(visit, one["title"], _lead(one, whole))
    if one["is_masked"]:
        size = visit.settings.small_group_size
        states.empty(
            "This class is too small to show",
            f"Figures of fewer than {size} students, or of the one class beside such a class, would show its members. Ask its "
            "teacher.",
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
        return (
            "Ask the teacher what works here: this class lies behind the school in nothing that is measured."
        )
    measure = max(behind, key=lambda found: found[0])[1]
    return (
        f"Speak with the teacher about {measure.label.lower()}: {one[measure.name]:.0%} here, {whole[measure.name]:.0%} in the "
        "school."
    )


def _figures(one: dict, whole: dict) -> None:
    tiles = [page.Tile("Students", f"{one['student_count']:,}")]
    for measure in MEASURES.values():
        change = page.points(one[measure.name], whole[measure.name])
        tiles.append(
            page.Tile(
                measure.label,
                page.share(one[measure.name]),
                change,
                higher_is_good=not measure.high_is_need,
                help=f"{measure.explanation}. Small figure: the difference from the school.",
            )
        )
    page.tiles(*tiles)


def _weeks(visit: Visit, chosen: Choice, section: str) -> None:
    own = visit.rows(_WEEKS, {"section": section})
    drawn = own.filter(pl.col("active_share").is_not_null())
    if drawn.is_empty():
        states.empty("No complete week yet", "The first picture appears when the class has completed a week.")
        return
    school = measures.weeks(visit, chosen)
    colours = design.palette()
    both = pl.concat(
        [
            frame.select("week_index", "active_share").with_columns(pl.lit(whose).alias("whose"))
            for whose, frame in (("This class", drawn), ("School", school))
        ]
    )
    last = drawn.row(-1, named=True)
    finding = f"{last['active_share']:.0%} of the class was active in week {last['week_index']}"
    charts.figure(
        finding,
        "Share of students with any activity, by week of the term (complete weeks)",
        charts.weekly_line(
            both,
            y="active_share",
            y_title="Active students",
            y_format=".0%",
            series="whose",
            colours={"This class": colours.fine, "School": colours.neutral},
        ),
        text=f"Line chart of active students by week, class and school. {finding}.",
        how=notes.definitions(
            Class="msr_class_week.active_student_count", School="msr_school_week.active_student_count"
        ),
    )


def _skills(visit: Visit, section: str) -> None:
    found = visit.rows(_SKILLS, {"section": section})
    if found.is_empty():
        states.empty(
            "No skills practised yet", "They appear after the first answers to questions with skills."
        )
        return
    first = found.row(0, named=True)
    told = first["mastery_share"] is not None
    page.section(
        f"{first['title']} is mastered by the fewest: {first['mastery_share']:.0%}" if told else "Skills",
        "Least mastered first. The gap compares with everybody who practised the skill.",
    )
    shares = ("correct_share", "mastery_share", "mastery_gap")
    tables.table(
        found.with_columns((100 * pl.col(name)).round(0).alias(name) for name in shares),
        {
            "title": "Skill",
            "student_count": "Students",
            "mastery_share": "Mastered (%)",
            "mastery_gap": "Gap (points)",
            "correct_share": "Right answers (%)",
        },
        file_name="skills-of-the-class",
        alt="Skills of the class, least mastered first",
    )
    page.how_worked_out(
        notes.definitions(
            Mastered="msr_skill.mastery_share", Gap="msr_skill.mastery_gap", Students="msr_skill"
        )
    )
