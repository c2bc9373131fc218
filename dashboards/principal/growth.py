"""Growth: the same students from term to term by subject, where the term's scores are heading, and what classes add beyond what was expected."""

from __future__ import annotations

import datetime as dt

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design
from dashboards.components import charts, notes, page, states, tables
from dashboards.principal import estimates, measures
from dashboards.principal.choosing import choose
from dashboards.principal.impact import LEAST_PAIRS, Impact, impact
from dashboards.principal.measures import Choice
from dashboards.visit import Visit

TITLE = "Growth"
_GROWTH = """
select g.subject, o.title as school, b.title as previous_term, g.student_count, g.mean_before, g.mean_after, g.mean_change,
    g.change_low, g.change_high
from msr_growth g
left join dim_academic_session b on b.session_key = g.previous_session_key
left join dim_organisation o on o.school_key = g.school_key
where g.session_key = $session and ($school is null or g.school_key = $school)
order by g.subject, o.title
"""
_TERM = "select start_date, end_date from dim_academic_session where session_key = $session"


def render(visit: Visit) -> None:
    """The page: choosers, finding, growth by subject, projection, classes by teacher."""
    heading = st.container()
    chosen = choose(visit, TITLE)
    if chosen is None:
        return
    growth = visit.rows(_GROWTH, chosen.params)
    with heading:
        page.header(visit, TITLE, _lead(growth))
    _subjects(growth)
    _projection(visit, chosen)
    _impact(visit, impact(visit, chosen))


def _lead(growth: pl.DataFrame) -> str:
    sure = growth.filter(pl.col("change_high") < 0).sort("mean_change")
    if sure.height:
        row = sure.row(0, named=True)
        return (
            f"Ask why marks in {row['subject']} fell by {-100 * row['mean_change']:.0f} points for the same "
            f"{row['student_count']} students."
        )
    if growth.filter(pl.col("mean_change").is_not_null()).is_empty():
        return (
            "Come back when the same students have marks of two terms: growth compares them with themselves."
        )
    return "No subject fell by more than chance explains; see where marks rose and ask what was done there."


def _subjects(growth: pl.DataFrame) -> None:
    page.section("The same students, before and after", "Change of their mean score, in points of a hundred.")
    shown = growth.filter(pl.col("mean_change").is_not_null())
    if shown.is_empty():
        states.empty(
            "No growth to show yet",
            "It needs students with marks of this term and of an earlier one in the same subject.",
        )
        return
    named = shown.with_columns(
        pl.when(pl.col("school").n_unique() > 1)
        .then(pl.concat_str("subject", pl.lit(" · "), "school"))
        .otherwise(pl.col("subject"))
        .alias("name")
    )
    drawn = named.filter(pl.col("change_low").is_not_null())
    if drawn.height:
        row = drawn.sort("mean_change", descending=True).row(0, named=True)
        finding = f"{row['name']}: {100 * row['mean_change']:+.1f} points ({_interval(row, 'change_low', 'change_high')})"
        charts.figure(
            finding,
            "Mean change of the same students' scores in points, with its 95 % interval; nought is no change",
            intervals(drawn, name="name", estimate="mean_change", low="change_low", high="change_high"),
            text=f"Points with intervals by subject. {finding}.",
        )
    scores = ("mean_before", "mean_after", "mean_change", "change_low", "change_high")
    tables.table(
        named.with_columns((100 * pl.col(column)).round(1).alias(column) for column in scores),
        {
            "name": "Subject",
            "previous_term": "Before",
            "student_count": "Students",
            "mean_before": "Score before (%)",
            "mean_after": "Score after (%)",
            "mean_change": "Change (points)",
            "change_low": "from",
            "change_high": "to",
        },
        file_name="growth",
        config=dict.fromkeys(
            ("Change (points)", "from", "to"), st.column_config.NumberColumn(format="%+.1f", width="small")
        ),
        alt="Growth by subject with students and interval",
    )
    page.how_worked_out(
        "Tests of two terms are not equally hard: a change of marks is no change of knowledge by itself.\n\n"
        + notes.definitions(
            Change="msr_growth.mean_change",
            From_and_to="msr_growth.change_low",
            Students="msr_growth.student_count",
        )
    )


def _projection(visit: Visit, chosen: Choice) -> None:
    page.section("Where this term is heading")
    weeks = measures.weeks(visit, chosen).filter(pl.col("mean_score").is_not_null())
    term = visit.rows(_TERM, {"session": chosen.session_key})
    start, end = term.row(0) if term.height else (None, None)
    ahead = None
    if isinstance(start, dt.date) and isinstance(end, dt.date):
        last_week = (end - start).days // 7 + 1
        ahead = estimates.project(weeks["week_index"].to_list(), weeks["mean_score"].to_list(), last_week)
    if ahead is None:
        states.empty(
            "Nothing to project",
            f"A projection needs {estimates.LEAST_WEEKS} complete weeks with marks, and weeks of the term that are still to come.",
        )
        return
    end_of_term = ahead.frame.row(-1, named=True)
    finding = (
        f"If nothing changes, the mean score of week {end_of_term['week_index']} will be about {end_of_term['estimate']:.0%}, and "
        f"between {end_of_term['low']:.0%} and {end_of_term['high']:.0%}"
    )
    charts.figure(
        finding,
        "Mean score of what was handed in by week of the term: so far, and the straight line through it with its 95 % interval",
        _line_and_band(weeks, ahead.frame),
        text=f"Line chart of mean score by week with a projection. {finding}.",
        how="A straight line by least squares through the complete weeks so far, drawn on to the end of the term. The band holds a "
        "single week's mean score in 95 of 100 cases if the weeks to come scatter about the same line as those so far; it doesn't "
        f"know what will be taught or tested. The line changes by {100 * ahead.slope:+.1f} points a week (95 % interval "
        f"{100 * ahead.slope_low:+.1f} to {100 * ahead.slope_high:+.1f}).\n\n"
        + notes.definitions(Mean_score="msr_school_week.mean_score"),
    )


def _line_and_band(weeks: pl.DataFrame, ahead: pl.DataFrame) -> alt.LayerChart:
    colours = design.palette()
    x = alt.X("week_index:O", title="Week of the term", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    axis = alt.Axis(format=".0%", tickCount=4, grid=True, gridOpacity=0.5)
    band = (
        alt.Chart(ahead)
        .mark_area(opacity=0.2, color=colours.fine)
        .encode(x=x, y=alt.Y("low:Q", title="Mean score", axis=axis), y2="high:Q")
    )
    to_come = (
        alt.Chart(ahead)
        .mark_line(strokeDash=[5, 4], color=colours.fine, strokeWidth=2)
        .encode(
            x=x,
            y="estimate:Q",
            tooltip=[
                alt.Tooltip("week_index:O", title="Week"),
                alt.Tooltip("estimate:Q", title="Projected", format=".0%"),
                alt.Tooltip("low:Q", title="from", format=".0%"),
                alt.Tooltip("high:Q", title="to", format=".0%"),
            ],
        )
    )
    so_far = charts.weekly_line(weeks, y="mean_score", y_title="Mean score", y_format=".0%")
    return (band + to_come + so_far).properties(height=250)


def _impact(visit: Visit, found: Impact) -> None:
    page.section(
        "What classes add, by teacher",
        "How far students' marks lie above or below what their own earlier marks let expect. By class title, not by size: this is "
        "no ranking, and no ground for a judgement of a person by itself.",
    )
    if found.rows.is_empty() or found.rows["estimate"].null_count():
        states.empty(
            "Nothing to compare yet",
            f"It needs at least two teachers, and in a subject {LEAST_PAIRS} students with marks of this term and an earlier one.",
        )
        return
    rows = found.rows
    sure = rows.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height
    finding = (
        f"{page.count(sure, 'of them differs', 'of them differ')} from what was expected by more than chance explains"
        if sure
        else "No difference between teachers is larger than chance explains"
    )
    said = "Shrunken mean in points of a hundred, with its 95 % interval"
    if found.masked:
        said += f"; {page.count(found.masked, 'teacher', 'teachers')} with too few students left out"
    charts.figure(
        finding,
        said,
        intervals(rows, name="classes", estimate="estimate", low="low", high="high"),
        text=f"Points with intervals by teacher. {finding}.",
    )
    tables.table(
        rows.with_columns(
            (100 * pl.col(column)).round(1).alias(column)
            for column in ("estimate", "low", "high", "reliability")
        ),
        {
            "classes": "Classes of one teacher",
            "student_count": "Students",
            "estimate": "Beyond what was expected (points)",
            "low": "from",
            "high": "to",
            "reliability": "Reliability (%)",
        },
        file_name="growth-by-teacher",
        config=dict.fromkeys(
            ("Beyond what was expected (points)", "from", "to"), st.column_config.NumberColumn(format="%+.1f")
        ),
        alt="Growth beyond expectation by teacher, with students and interval, in the alphabet's order",
    )
    page.how_worked_out(
        "Within each subject a straight line says which score a student's own earlier mean score lets expect; what lies above or "
        "below it is averaged over a teacher's students and drawn towards the mean of all (empirical Bayes): the fewer students, "
        "and the less teachers differ beyond chance, the more. **Reliability** is the share of a teacher's own mean that is left. "
        f"Fewer than {visit.settings.small_group_size} students are not shown. Teachers of the very same classes are one row; otherwise a class with two teachers counts for both. Students "
        "are not given to teachers by lot, tests differ, and marks are given by the same teachers: read it as a question to ask "
        "together, with observation of lessons beside it."
    )


def intervals(frame: pl.DataFrame, *, name: str, estimate: str, low: str, high: str) -> alt.LayerChart:
    """A point with its interval per row, in the frame's order, in points of a hundred, about a line at nought."""
    colours = design.palette()
    drawn = frame.select(
        pl.col(name).alias("name"),
        *(
            (100 * pl.col(column)).alias(to)
            for column, to in ((estimate, "mid"), (low, "low"), (high, "high"))
        ),
        pl.col("student_count"),
    )
    y = alt.Y(
        "name:N",
        sort=drawn["name"].to_list(),
        title=None,
        axis=alt.Axis(labelLimit=200, ticks=False, domain=False),
    )
    tooltip = [
        alt.Tooltip("name:N", title="Whose"),
        alt.Tooltip("mid:Q", title="Points", format="+.1f"),
        alt.Tooltip("low:Q", title="from", format="+.1f"),
        alt.Tooltip("high:Q", title="to", format="+.1f"),
        alt.Tooltip("student_count:Q", title="Students"),
    ]
    axis = alt.Axis(format="+.0f", tickCount=5, grid=True, gridOpacity=0.5)
    base = alt.Chart(drawn).encode(y=y, tooltip=tooltip)
    nought = (
        alt.Chart(pl.DataFrame({"at": [0.0]}))
        .mark_rule(color=colours.neutral, strokeDash=[4, 4])
        .encode(x="at:Q")
    )
    lines = base.mark_rule(color=colours.fine, strokeWidth=2.5).encode(
        x=alt.X("low:Q", title="Points", axis=axis, scale=alt.Scale(zero=True)), x2="high:Q"
    )
    points = base.mark_circle(color=colours.fine, size=90, opacity=1).encode(x="mid:Q")
    return (nought + lines + points).properties(height=34 * drawn.height + 60)


def _interval(row: dict, low: str, high: str) -> str:
    return f"95 % interval {100 * row[low]:+.1f} to {100 * row[high]:+.1f}"
