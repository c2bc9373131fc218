"""Growth: the same students from term to term by subject, where the term's scores are heading, and what classes add beyond what was expected."""

from __future__ import annotations

import datetime as dt

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import charts, notes, page, states, tables
from dashboards.principal import estimates, measures
from dashboards.principal.choosing import choose
from dashboards.principal.impact import LEAST_PAIRS, Impact, impact
from dashboards.principal.measures import Choice
from dashboards.visit import Visit
from dashboards.words import mark

t, tn = words.room(__name__)
TITLE = mark("Growth")
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
    chosen = choose(visit, t(TITLE))
    if chosen is None:
        return
    growth = visit.rows(_GROWTH, chosen.params)
    with heading:
        page.header(visit, t(TITLE), _lead(growth))
    _subjects(growth)
    _projection(visit, chosen)
    _impact(visit, impact(visit, chosen))


def _lead(growth: pl.DataFrame) -> str:
    sure = growth.filter(pl.col("change_high") < 0).sort("mean_change")
    if sure.height:
        row = sure.row(0, named=True)
        return t(
            "Ask why marks in {subject} fell by {points} points for the same {count} students.",
            subject=row["subject"],
            points=round(-100 * row["mean_change"]),
            count=row["student_count"],
        )
    if growth.filter(pl.col("mean_change").is_not_null()).is_empty():
        return t(
            "Come back when the same students have marks of two terms: growth compares them with themselves."
        )
    return t(
        "No subject fell by more than chance explains; see where marks rose and ask what was done there."
    )


def _subjects(growth: pl.DataFrame) -> None:
    page.section(
        t("The same students, before and after"), t("Change of their mean score, in points of a hundred.")
    )
    shown = growth.filter(pl.col("mean_change").is_not_null())
    if shown.is_empty():
        states.empty(
            t("No growth to show yet"),
            t("It needs students with marks of this term and of an earlier one in the same subject."),
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
        finding = t(
            "{name}: {change} points (95 % interval {low} to {high})",
            name=row["name"],
            change=_points(row["mean_change"]),
            low=_points(row["change_low"]),
            high=_points(row["change_high"]),
        )
        charts.figure(
            finding,
            t(
                "Mean change of the same students' scores in points, with its 95 % interval; nought is no change"
            ),
            intervals(drawn, name="name", estimate="mean_change", low="change_low", high="change_high"),
            text=t("Points with intervals by subject. {finding}.", finding=finding),
        )
    scores = ("mean_before", "mean_after", "mean_change", "change_low", "change_high")
    tables.table(
        named.with_columns((100 * pl.col(column)).round(1).alias(column) for column in scores),
        {
            "name": t("Subject"),
            "previous_term": t("Before"),
            "student_count": t("Students"),
            "mean_before": t("Score before (%)"),
            "mean_after": t("Score after (%)"),
            "mean_change": t("Change (points)"),
            "change_low": t("from"),
            "change_high": t("to"),
        },
        file_name="growth",
        config=dict.fromkeys(
            (t("Change (points)"), t("from"), t("to")),
            st.column_config.NumberColumn(format="%+.1f", width="small"),
        ),
        alt=t("Growth by subject with students and interval"),
    )
    page.how_worked_out(
        t("Tests of two terms are not equally hard: a change of marks is no change of knowledge by itself.")
        + "\n\n"
        + notes.definitions(
            **{
                t("Change"): "msr_growth.mean_change",
                t("From and to"): "msr_growth.change_low",
                t("Students"): "msr_growth.student_count",
            }
        )
    )


def _projection(visit: Visit, chosen: Choice) -> None:
    page.section(t("Where this term is heading"))
    weeks = measures.weeks(visit, chosen).filter(pl.col("mean_score").is_not_null())
    term = visit.rows(_TERM, {"session": chosen.session_key})
    start, end = term.row(0) if term.height else (None, None)
    ahead = None
    if isinstance(start, dt.date) and isinstance(end, dt.date):
        last_week = (end - start).days // 7 + 1
        ahead = estimates.project(weeks["week_index"].to_list(), weeks["mean_score"].to_list(), last_week)
    if ahead is None:
        states.empty(
            t("Nothing to project"),
            t(
                "A projection needs {count} complete weeks with marks, and weeks of the term that are still to come.",
                count=estimates.LEAST_WEEKS,
            ),
        )
        return
    end_of_term = ahead.frame.row(-1, named=True)
    finding = t(
        "If nothing changes, the mean score of week {week} will be about {estimate}, and between {low} and {high}",
        week=end_of_term["week_index"],
        estimate=page.share(end_of_term["estimate"]),
        low=page.share(end_of_term["low"]),
        high=page.share(end_of_term["high"]),
    )
    charts.figure(
        finding,
        t(
            "Mean score of what was handed in by week of the term: so far, and the straight line through it with its 95 % "
            "interval"
        ),
        _line_and_band(weeks, ahead.frame),
        text=t("Line chart of mean score by week with a projection. {finding}.", finding=finding),
        how=t(
            "A straight line by least squares through the complete weeks so far, drawn on to the end of the term. The band "
            "holds a single week's mean score in 95 of 100 cases if the weeks to come scatter about the same line as those so "
            "far; it doesn't know what will be taught or tested. The line changes by {slope} points a week (95 % interval "
            "{low} to {high}).",
            slope=_points(ahead.slope),
            low=_points(ahead.slope_low),
            high=_points(ahead.slope_high),
        )
        + "\n\n"
        + notes.definitions(**{t("Mean score"): "msr_school_week.mean_score"}),
    )


def _line_and_band(weeks: pl.DataFrame, ahead: pl.DataFrame) -> alt.LayerChart:
    colours = design.palette()
    x = alt.X("week_index:O", title=t("Week of the term"), axis=alt.Axis(labelAngle=0, labelOverlap=True))
    axis = alt.Axis(format=".0%", tickCount=4, grid=True, gridOpacity=0.5)
    band = (
        alt.Chart(ahead)
        .mark_area(opacity=0.2, color=colours.fine)
        .encode(x=x, y=alt.Y("low:Q", title=t("Mean score"), axis=axis), y2="high:Q")
    )
    to_come = (
        alt.Chart(ahead)
        .mark_line(strokeDash=[5, 4], color=colours.fine, strokeWidth=2)
        .encode(
            x=x,
            y="estimate:Q",
            tooltip=[
                alt.Tooltip("week_index:O", title=t("Week")),
                alt.Tooltip("estimate:Q", title=t("Projected"), format=".0%"),
                alt.Tooltip("low:Q", title=t("from"), format=".0%"),
                alt.Tooltip("high:Q", title=t("to"), format=".0%"),
            ],
        )
    )
    so_far = charts.weekly_line(weeks, y="mean_score", y_title=t("Mean score"), y_format=".0%")
    return (band + to_come + so_far).properties(height=250)


def _impact(visit: Visit, found: Impact) -> None:
    page.section(
        t("What classes add, by teacher"),
        t(
            "How far students' marks lie above or below what their own earlier marks let expect. By class title, not by size: "
            "this is no ranking, and no ground for a judgement of a person by itself."
        ),
    )
    if found.rows.is_empty() or found.rows["estimate"].null_count():
        states.empty(
            t("Nothing to compare yet"),
            t(
                "It needs at least two teachers, and in a subject {count} students with marks of this term and an earlier one.",
                count=LEAST_PAIRS,
            ),
        )
        return
    rows = found.rows
    sure = rows.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height
    finding = (
        tn(
            "{count} of them differs from what was expected by more than chance explains",
            "{count} of them differ from what was expected by more than chance explains",
            sure,
        )
        if sure
        else t("No difference between teachers is larger than chance explains")
    )
    said = t("Shrunken mean in points of a hundred, with its 95 % interval")
    if found.masked:
        said = tn(
            "Shrunken mean in points of a hundred, with its 95 % interval; {count} teacher with too few students left out",
            "Shrunken mean in points of a hundred, with its 95 % interval; {count} teachers with too few students left out",
            found.masked,
        )
    charts.figure(
        finding,
        said,
        intervals(rows, name="classes", estimate="estimate", low="low", high="high"),
        text=t("Points with intervals by teacher. {finding}.", finding=finding),
    )
    tables.table(
        rows.with_columns(
            (100 * pl.col(column)).round(1).alias(column)
            for column in ("estimate", "low", "high", "reliability")
        ),
        {
            "classes": t("Classes of one teacher"),
            "student_count": t("Students"),
            "estimate": t("Beyond what was expected (points)"),
            "low": t("from"),
            "high": t("to"),
            "reliability": t("Reliability (%)"),
        },
        file_name="growth-by-teacher",
        config=dict.fromkeys(
            (t("Beyond what was expected (points)"), t("from"), t("to")),
            st.column_config.NumberColumn(format="%+.1f"),
        ),
        alt=t("Growth beyond expectation by teacher, with students and interval, in the alphabet's order"),
    )
    page.how_worked_out(
        t(
            "Within each subject a straight line says which score a student's own earlier mean score lets expect; what lies above or "
            "below it is averaged over a teacher's students and drawn towards the mean of all (empirical Bayes): the fewer students, "
            "and the less teachers differ beyond chance, the more. **Reliability** is the share of a teacher's own mean that is left. "
            "Fewer than {size} students are not shown. Teachers of the very same classes are one row; otherwise a class with two teachers counts for both. Students "
            "are not given to teachers by lot, tests differ, and marks are given by the same teachers: read it as a question to ask "
            "together, with observation of lessons beside it.",
            size=visit.settings.small_group_size,
        )
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
        alt.Tooltip("name:N", title=t("Whose")),
        alt.Tooltip("mid:Q", title=t("Points"), format="+.1f"),
        alt.Tooltip("low:Q", title=t("from"), format="+.1f"),
        alt.Tooltip("high:Q", title=t("to"), format="+.1f"),
        alt.Tooltip("student_count:Q", title=t("Students")),
    ]
    axis = alt.Axis(format="+.0f", tickCount=5, grid=True, gridOpacity=0.5)
    base = alt.Chart(drawn).encode(y=y, tooltip=tooltip)
    nought = (
        alt.Chart(pl.DataFrame({"at": [0.0]}))
        .mark_rule(color=colours.neutral, strokeDash=[4, 4])
        .encode(x="at:Q")
    )
    lines = base.mark_rule(color=colours.fine, strokeWidth=2.5).encode(
        x=alt.X("low:Q", title=t("Points"), axis=axis, scale=alt.Scale(zero=True)), x2="high:Q"
    )
    points = base.mark_circle(color=colours.fine, size=90, opacity=1).encode(x="mid:Q")
    return (nought + lines + points).properties(height=34 * drawn.height + 60)


def _points(share: float) -> str:
    """0.012 as +1.2: a change of a share in points of a hundred."""
    return words.fixed(100 * share, decimals=1, is_signed=True)
