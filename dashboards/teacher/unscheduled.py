"""A class without a term (found in the statements, in no roster's calendar): what its learners did, day by day."""

from __future__ import annotations

import altair as alt
import polars as pl
from streamlit.delta_generator import DeltaGenerator

from dashboards import design
from dashboards.classes import Class
from dashboards.components import charts, notes, page, states, tables
from dashboards.visit import Visit

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
        states.empty("Nothing has happened in this class yet", "Its learners' statements appear here.")
        return
    page.tiles(
        page.Tile("Learners", f"{learners.height:,}"),
        page.Tile("Events", f"{int(days['events'].sum()):,}"),
        page.Tile("First day", page.full_day(days["occurred_date"][0])),
        page.Tile("Last day", page.full_day(days["occurred_date"][-1])),
    )
    _by_day(days)
    _activities(visit, params)
    page.section("Its learners", "Longest silence first.")
    tables.table(
        learners,
        {
            "display_name": "Learner",
            "last_active_date": "Last active",
            "days": "Days with activity",
            "events": "Events",
            "answers": "Answers",
        },
        file_name="learners",
        alt="Learners of the class, longest silence first",
    )


def _lead(learners: pl.DataFrame) -> str:
    return (
        f"{page.count(learners.height, 'learner', 'learners')} in a class that no term dates: there are no weeks and no "
        "risk estimates, but you see who was here last and what was used."
    )


def _by_day(days: pl.DataFrame) -> None:
    busiest = days.sort("events", descending=True).row(0, named=True)
    drawn = days.with_columns(pl.col("occurred_date").dt.strftime("%d %b %Y").alias("day"))
    chart = (
        alt.Chart(drawn)
        .mark_bar(color=design.palette().fine)
        .encode(
            x=alt.X(
                "day:O",
                sort=drawn["day"].to_list(),
                title="Day with events (UTC)",
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y("events:Q", title="Events", axis=alt.Axis(tickCount=4, grid=True, gridOpacity=0.5)),
            tooltip=[
                alt.Tooltip("day:O", title="Day"),
                alt.Tooltip("events:Q", title="Events", format=","),
                alt.Tooltip("learners:Q", title="Learners", format=","),
            ],
        )
        .properties(height=230)
    )
    charts.figure(
        f"Busiest on {page.full_day(busiest['occurred_date'])}: {busiest['events']:,} events by "
        f"{page.count(busiest['learners'], 'learner', 'learners')}",
        "Events of this class's learners by day",
        chart,
        text="Bar chart of events by day.",
        how=notes.definitions(Event="fct_statement.event"),
    )


def _activities(visit: Visit, params: dict[str, str]) -> None:
    used = visit.rows(_ACTIVITIES, params)
    if used.is_empty():
        return
    first = used.row(0, named=True)
    charts.figure(
        f"Used by most learners: {first['title']}",
        "Learners who used each activity; the twelve used by most",
        charts.ranked_bars(used, x="learners", y="title", x_title="Learners", x_format=",.0f"),
        text="Bar chart of activities by learners.",
    )
