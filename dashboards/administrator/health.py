"""The administrator's start page: what needs doing, then freshness, checks, reconciliation, unmapped statements."""

from __future__ import annotations

import datetime as dt
import html
import textwrap

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design
from dashboards.components import charts, notes, page, states, tables
from dashboards.visit import Visit

MIN_BARS = 3
"""Fewer days than this make no picture."""
STALE_DAYS = 2
"""A source that was silent for longer is named: one school day and its night may pass."""


def render(visit: Visit) -> None:
    """The page: list of what to do, figures, then one section per concern."""
    fresh = visit.rows("from qc_freshness order by last_stored_at")
    checks = visit.rows(
        "from qc_check order by is_passed, severity, failing_count desc, contract, check_name"
    )
    days = visit.rows("from qc_reconciliation order by stored_date")
    unmapped = visit.rows("from qc_unmapped order by statement_count desc")
    drift = visit.rows("from qc_drift order by has_drifted desc, statistic desc")
    todo = _todo(visit, fresh, checks, days, unmapped, drift)
    page.header(visit, "Health", _lead(todo))
    if todo:
        items = "".join(f"<li>{item}</li>" for item in todo)
        st.html(f'<ol class="ll-why" style="font-size:1.05rem">{items}</ol>')
    _figures(visit, fresh, checks, days)
    _freshness(visit, fresh)
    _checks(checks)
    _reconciliation(days)
    _unmapped(unmapped)


def _lead(todo: list[str]) -> str:
    if not todo:
        return "Nothing to do: every source is fresh, every check passes and every day agrees."
    return (
        f"{len(todo)} {'thing needs' if len(todo) == 1 else 'things need'} you. The most urgent comes first."
    )


def _todo(
    visit: Visit,
    fresh: pl.DataFrame,
    checks: pl.DataFrame,
    days: pl.DataFrame,
    unmapped: pl.DataFrame,
    drift: pl.DataFrame,
) -> list[str]:
    """What needs doing, most urgent first, as HTML."""
    items = []
    unequal = days.filter(~pl.col("is_equal"))
    if unequal.height:
        items.append(
            f"<b>{page.count(unequal.height, 'day disagrees', 'days disagree')}</b> between lake and marts: run <code>learnlake reconcile --repair</code>."
        )
    for row in checks.filter(~pl.col("is_passed")).iter_rows(named=True):
        word = "blocks publishing" if row["severity"] == "block" else "is flagged"
        what = row["message"] or f"{row['failing_count'] or 0:,} rows"
        items.append(
            f"<b>{html.escape(row['check_name'])}</b> in {html.escape(row['contract'])} {word}: "
            f"{html.escape(textwrap.shorten(what, 280, placeholder=' …'))}"
        )
    items += [
        f"<b>{html.escape(row['platform'] or 'A source')}</b> has been silent since "
        f"{page.short_day(row['last_stored_at'].date())}: check that it still sends, and its credential."
        for row in _stale(visit, fresh).iter_rows(named=True)
    ]
    if unmapped.height:
        items.append(
            f"<b>{int(unmapped['statement_count'].sum()):,} statements</b> have a verb without a meaning: add it to "
            "<code>dbt_project/seeds/event_map.csv</code>."
        )
    drifted = drift.filter("has_drifted")
    if drifted.height:
        items.append(
            f"<b>{page.count(drifted.height, 'feature has', 'features have')} drifted</b> since the model was trained: "
            "the page Models says which, and what to do."
        )
    return items


def _stale(visit: Visit, fresh: pl.DataFrame) -> pl.DataFrame:
    edge = visit.build.as_of - dt.timedelta(days=STALE_DAYS)
    return fresh.filter(pl.col("last_stored_at").dt.date() < edge)


def _figures(visit: Visit, fresh: pl.DataFrame, checks: pl.DataFrame, days: pl.DataFrame) -> None:
    count = int(fresh["statement_count"].sum()) if fresh.height else 0
    page.tiles(
        page.Tile("Statements", f"{count:,}", help="In the marts, all sources together"),
        page.Tile("Sources", f"{fresh.height:,}"),
        page.Tile(
            "Checks passing", f"{int(checks['is_passed'].sum()) if checks.height else 0} of {checks.height}"
        ),
        page.Tile("Days that agree", f"{int(days['is_equal'].sum()) if days.height else 0} of {days.height}"),
    )


def _freshness(visit: Visit, fresh: pl.DataFrame) -> None:
    page.section("Sources", "When each source last sent something, longest silence first.")
    if fresh.is_empty():
        states.empty(
            "No source has sent anything yet", "Make a credential with `learnlake lrs credential create`."
        )
        return
    stale = _stale(visit, fresh)["platform"].to_list()
    shown = fresh.with_columns(
        pl.when(pl.col("platform").is_in(stale))
        .then(pl.lit("silent"))
        .otherwise(pl.lit("fresh"))
        .alias("state"),
        pl.col("platform").fill_null("(unnamed)"),
    )
    tables.table(
        shown,
        {
            "platform": "Source",
            "state": "State",
            "statement_count": "Statements",
            "last_stored_at": "Last stored (UTC)",
            "last_occurred_at": "Last occurred (UTC)",
        },
        file_name="sources",
        alt="Sources, longest silence first",
    )


def _checks(checks: pl.DataFrame) -> None:
    failing = checks.filter(~pl.col("is_passed")).height
    page.section(
        "Every check passes" if not failing else f"{failing} of {checks.height} checks fail",
        "Checks of the data contracts at the newest build. Blocking ones keep the build before standing.",
    )
    if checks.is_empty():
        states.empty("No checks have run", "They run with every pipeline run: `learnlake run`.")
        return
    shown = checks.with_columns(pl.col("severity").replace({"block": "blocks", "flag": "flags"}))
    bad, good = shown.filter(~pl.col("is_passed")), shown.filter("is_passed")
    columns = {"contract": "Contract", "check_name": "Check", "severity": "Severity"}
    if bad.height:
        tables.table(
            bad,
            {**columns, "failing_count": "Failing rows", "message": "What to do"},
            file_name="failing-checks",
            config={"What to do": st.column_config.TextColumn(width="large")},
            alt="Contract checks that fail",
        )
    if good.height:
        with st.expander(f"{page.count(good.height, 'check', 'checks')} passing"):
            tables.table(good, columns, file_name="passing-checks", alt="Contract checks that pass")


def _reconciliation(days: pl.DataFrame) -> None:
    if days.is_empty():
        return
    unequal = days.filter(~pl.col("is_equal")).height
    finding = (
        f"{page.count(unequal, 'day', 'days')} of {days.height} disagree between lake and marts"
        if unequal
        else f"Lake and marts agree on every day: {page.count(days.height, 'day', 'days')} compared"
    )
    measure = "Statements in the lake by the day they were stored, the newest sixty; colour says whether the marts hold as many"
    if days.height < MIN_BARS:
        charts.title(finding, "Statements stored by day, in the lake and in the marts")
    else:
        charts.figure(
            finding,
            measure,
            _days_chart(days.tail(60)),
            text=f"Bar chart of statements by day. {finding}.",
            how=notes.definitions(Days="qc_reconciliation", Agree="qc_reconciliation.is_equal"),
        )
    with st.expander("All days"):
        tables.table(
            days.sort("stored_date", descending=True),
            {
                "stored_date": "Day",
                "lake_count": "In the lake",
                "mart_count": "In the marts",
                "is_equal": "Agree",
            },
            file_name="reconciliation",
            alt="Reconciliation by day, newest first",
        )


def _days_chart(days: pl.DataFrame) -> alt.Chart:
    colours = design.palette()
    drawn = days.with_columns(
        pl.when("is_equal").then(pl.lit("agrees")).otherwise(pl.lit("disagrees")).alias("state"),
        pl.col("stored_date").dt.strftime("%d %b %Y").alias("day"),
    )
    return (
        alt.Chart(drawn)
        .mark_bar()
        .encode(
            x=alt.X(
                "day:O",
                sort=drawn["day"].to_list(),
                title="Day stored (UTC)",
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y(
                "lake_count:Q", title="Statements", axis=alt.Axis(tickCount=4, grid=True, gridOpacity=0.5)
            ),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=["agrees", "disagrees"], range=[colours.fine, colours.attention]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("day:O", title="Day"),
                alt.Tooltip("lake_count:Q", title="In the lake", format=","),
                alt.Tooltip("mart_count:Q", title="In the marts", format=","),
                alt.Tooltip("state:N", title="Lake and marts"),
            ],
        )
        .properties(height=220)
    )


def _unmapped(unmapped: pl.DataFrame) -> None:
    if unmapped.is_empty():
        return
    page.section(
        "Statements without a meaning",
        "They are kept and counted, and mean nothing to the measures until their verb and object type are mapped.",
    )
    tables.table(
        unmapped,
        {
            "statement_count": "Statements",
            "verb_id": "Verb",
            "object_activity_type": "Object's type",
            "example_statement_id": "An example",
        },
        file_name="unmapped",
        alt="Verbs and object types without a meaning, most frequent first",
    )
