"""A class without a term (found in the statements, in no roster's calendar): what its learners did, day by day."""

from __future__ import annotations

import altair as alt
import polars as pl
from babel import dates
from streamlit.delta_generator import DeltaGenerator

from dashboards import design, words
from dashboards.classes import Class
from dashboards.components import charts, notes, page, states, tables
from dashboards.visit import Visit

t, tn = words.room(__name__)
_DAYS = """
select occurred_date, count(*) as events, count(distinct person_key) as learners
from fct_statement
where section_key = $section and not is_voided
group by occurred_date
order by occurred_date
"""
_LEARNERS = """
select
    person_key, count(*) as events, count(distinct occurred_date) as days, max(occurred_date) as last_active_date,
    count(*) filter (where event = 'answered') as answers
from fct_statement
where section_key = $section and not is_voided and person_key is not null
group by person_key
order by last_active_date, events
"""
_ACTIVITIES = """
select coalesce(a.title, a.iri, f.activity_key) as title, count(distinct f.person_key) as learners, count(*) as events
from fct_statement f
left join dim_activity a on a.activity_key = f.activity_key
where f.section_key = $section and not f.is_voided
group by 1
order by learners desc, events desc
limit 12
"""


def render(visit: Visit, chosen: Class, heading: DeltaGenerator) -> None:
    """The page's body; its header goes into `heading`."""
    params = {"section": chosen.section_key}
    days = visit.rows(_DAYS, params)
    learners = visit.named(_LEARNERS, params)
    with heading:
        page.header(visit, chosen.title, _lead(learners), section_key=chosen.section_key)
    if days.is_empty():
        states.empty(t("Nothing has happened in this class yet"), t("Its learners' statements appear here."))
        return
    page.tiles(
        page.Tile(t("Learners"), words.number(learners.height)),
        page.Tile(t("Events"), words.number(int(days["events"].sum()))),
        page.Tile(t("First day"), page.full_day(days["occurred_date"][0])),
        page.Tile(t("Last day"), page.full_day(days["occurred_date"][-1])),
    )
    _by_day(days)
    _activities(visit, params)
    page.section(t("Its learners"), t("Longest silence first."))
    tables.table(
        learners,
        {
            "display_name": t("Learner"),
            "last_active_date": t("Last active"),
            "days": t("Days with activity"),
            "events": t("Events"),
            "answers": t("Answers"),
        },
        file_name="learners",
        alt=t("Learners of the class, longest silence first"),
    )


def _lead(learners: pl.DataFrame) -> str:
    return tn(
        "{count} learner in a class that no term dates: there are no weeks and no risk estimates, but you see who was "
        "here last and what was used.",
        "{count} learners in a class that no term dates: there are no weeks and no risk estimates, but you see who was "
        "here last and what was used.",
        learners.height,
    )


def _by_day(days: pl.DataFrame) -> None:
    busiest = days.sort("events", descending=True).row(0, named=True)
    labels = [
        dates.format_date(day, "dd MMM y", locale=words.current()) for day in days["occurred_date"].to_list()
    ]
    drawn = days.with_columns(pl.Series("day", labels, pl.String))
    chart = (
        alt.Chart(drawn)
        .mark_bar(color=design.palette().fine)
        .encode(
            x=alt.X(
                "day:O",
                sort=drawn["day"].to_list(),
                title=t("Day with events (UTC)"),
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y("events:Q", title=t("Events"), axis=alt.Axis(tickCount=4, grid=True, gridOpacity=0.5)),
            tooltip=[
                alt.Tooltip("day:O", title=t("Day")),
                alt.Tooltip("events:Q", title=t("Events"), format=","),
                alt.Tooltip("learners:Q", title=t("Learners"), format=","),
            ],
        )
        .properties(height=230)
    )
    charts.figure(
        tn(
            "Busiest on {day}: {events} events by {count} learner",
            "Busiest on {day}: {events} events by {count} learners",
            busiest["learners"],
            day=busiest["occurred_date"],
            events=busiest["events"],
        ),
        t("Events of this class's learners by day"),
        chart,
        text=t("Bar chart of events by day."),
        how=notes.definitions(**{t("Event"): "fct_statement.event"}),
    )


def _activities(visit: Visit, params: dict[str, str]) -> None:
    used = visit.rows(_ACTIVITIES, params)
    if used.is_empty():
        return
    first = used.row(0, named=True)
    charts.figure(
        t("Used by most learners: {title}", title=first["title"]),
        t("Learners who used each activity; the twelve used by most"),
        charts.ranked_bars(used, x="learners", y="title", x_title=t("Learners"), x_format=",.0f"),
        text=t("Bar chart of activities by learners."),
    )
