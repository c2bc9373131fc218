"""The administrator's start page: what needs doing, then freshness, checks, reconciliation, unmapped statements."""

from __future__ import annotations

import datetime as dt
import html
import textwrap

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import charts, notes, page, states, tables
from dashboards.visit import Visit

t, tn = words.room(__name__)
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
    page.header(visit, t("Health"), _lead(todo))
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
        return t("Nothing to do: every source is fresh, every check passes and every day agrees.")
    return tn(
        "{count} thing needs you. The most urgent comes first.",
        "{count} things need you. The most urgent comes first.",
        len(todo),
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
            tn(
                "<b>{count} day disagrees</b> between lake and marts: run <code>learnlake reconcile --repair</code>.",
                "<b>{count} days disagree</b> between lake and marts: run <code>learnlake reconcile --repair</code>.",
                unequal.height,
            )
        )
    for row in checks.filter(~pl.col("is_passed")).iter_rows(named=True):
        what = row["message"] or t("{count} rows", count=row["failing_count"] or 0)
        values = {
            "check": html.escape(row["check_name"]),
            "contract": html.escape(row["contract"]),
            "what": html.escape(textwrap.shorten(what, 280, placeholder=" …")),
        }
        items.append(
            t("<b>{check}</b> in {contract} blocks publishing: {what}", **values)
            if row["severity"] == "block"
            else t("<b>{check}</b> in {contract} is flagged: {what}", **values)
        )
    items += [
        t(
            "<b>{source}</b> has been silent since {day}: check that it still sends, and its credential.",
            source=html.escape(row["platform"] or t("A source")),
            day=page.short_day(row["last_stored_at"].date()),
        )
        for row in _stale(visit, fresh).iter_rows(named=True)
    ]
    if unmapped.height:
        items.append(
            t(
                "<b>{count} statements</b> have a verb without a meaning: add it to "
                "<code>dbt_project/seeds/event_map.csv</code>.",
                count=int(unmapped["statement_count"].sum()),
            )
        )
    drifted = drift.filter("has_drifted")
    if drifted.height:
        items.append(
            tn(
                "<b>{count} feature has drifted</b> since the model was trained: "
                "the page Models says which, and what to do.",
                "<b>{count} features have drifted</b> since the model was trained: "
                "the page Models says which, and what to do.",
                drifted.height,
            )
        )
    return items


def _stale(visit: Visit, fresh: pl.DataFrame) -> pl.DataFrame:
    edge = visit.build.as_of - dt.timedelta(days=STALE_DAYS)
    return fresh.filter(pl.col("last_stored_at").dt.date() < edge)


def _figures(visit: Visit, fresh: pl.DataFrame, checks: pl.DataFrame, days: pl.DataFrame) -> None:
    count = int(fresh["statement_count"].sum()) if fresh.height else 0
    page.tiles(
        page.Tile(t("Statements"), words.number(count), help=t("In the marts, all sources together")),
        page.Tile(t("Sources"), words.number(fresh.height)),
        page.Tile(
            t("Checks passing"),
            t(
                "{count} of {all}",
                count=int(checks["is_passed"].sum()) if checks.height else 0,
                all=checks.height,
            ),
        ),
        page.Tile(
            t("Days that agree"),
            t("{count} of {all}", count=int(days["is_equal"].sum()) if days.height else 0, all=days.height),
        ),
    )


def _freshness(visit: Visit, fresh: pl.DataFrame) -> None:
    page.section(t("Sources"), t("When each source last sent something, longest silence first."))
    if fresh.is_empty():
        states.empty(
            t("No source has sent anything yet"),
            t("Make a credential with `learnlake lrs credential create`."),
        )
        return
    stale = _stale(visit, fresh)["platform"].to_list()
    shown = fresh.with_columns(
        pl.when(pl.col("platform").is_in(stale))
        .then(pl.lit(t("silent")))
        .otherwise(pl.lit(t("fresh")))
        .alias("state"),
        pl.col("platform").fill_null(t("(unnamed)")),
    )
    tables.table(
        shown,
        {
            "platform": t("Source"),
            "state": t("State"),
            "statement_count": t("Statements"),
            "last_stored_at": t("Last stored (UTC)"),
            "last_occurred_at": t("Last occurred (UTC)"),
        },
        file_name="sources",
        alt=t("Sources, longest silence first"),
    )


def _checks(checks: pl.DataFrame) -> None:
    failing = checks.filter(~pl.col("is_passed")).height
    page.section(
        t("Every check passes")
        if not failing
        else t("{count} of {all} checks fail", count=failing, all=checks.height),
        t("Checks of the data contracts at the newest build. Blocking ones keep the build before standing."),
    )
    if checks.is_empty():
        states.empty(t("No checks have run"), t("They run with every pipeline run: `learnlake run`."))
        return
    shown = checks.with_columns(pl.col("severity").replace({"block": t("blocks"), "flag": t("flags")}))
    bad, good = shown.filter(~pl.col("is_passed")), shown.filter("is_passed")
    columns = {"contract": t("Contract"), "check_name": t("Check"), "severity": t("Severity")}
    if bad.height:
        tables.table(
            bad,
            {**columns, "failing_count": t("Failing rows"), "message": t("What to do")},
            file_name="failing-checks",
            config={t("What to do"): st.column_config.TextColumn(width="large")},
            alt=t("Contract checks that fail"),
        )
    if good.height:
        with st.expander(tn("{count} check passing", "{count} checks passing", good.height)):
            tables.table(good, columns, file_name="passing-checks", alt=t("Contract checks that pass"))


def _reconciliation(days: pl.DataFrame) -> None:
    if days.is_empty():
        return
    unequal = days.filter(~pl.col("is_equal")).height
    finding = (
        tn(
            "{count} day of {all} disagree between lake and marts",
            "{count} days of {all} disagree between lake and marts",
            unequal,
            all=days.height,
        )
        if unequal
        else tn(
            "Lake and marts agree on every day: {count} day compared",
            "Lake and marts agree on every day: {count} days compared",
            days.height,
        )
    )
    measure = t(
        "Statements in the lake by the day they were stored, the newest sixty; colour says whether the marts hold as many"
    )
    if days.height < MIN_BARS:
        charts.title(finding, t("Statements stored by day, in the lake and in the marts"))
    else:
        charts.figure(
            finding,
            measure,
            _days_chart(days.tail(60)),
            text=t("Bar chart of statements by day. {finding}.", finding=finding),
            how=notes.definitions(
                **{t("Days"): "qc_reconciliation", t("Agree"): "qc_reconciliation.is_equal"}
            ),
        )
    with st.expander(t("All days")):
        tables.table(
            days.sort("stored_date", descending=True),
            {
                "stored_date": t("Day"),
                "lake_count": t("In the lake"),
                "mart_count": t("In the marts"),
                "is_equal": t("Agree"),
            },
            file_name="reconciliation",
            alt=t("Reconciliation by day, newest first"),
        )


def _days_chart(days: pl.DataFrame) -> alt.Chart:
    colours = design.palette()
    agrees, disagrees = t("agrees"), t("disagrees")
    drawn = days.with_columns(
        pl.when("is_equal").then(pl.lit(agrees)).otherwise(pl.lit(disagrees)).alias("state"),
        pl.Series("day", [page.full_day(day) for day in days["stored_date"]], dtype=pl.String),
    )
    return (
        alt.Chart(drawn)
        .mark_bar()
        .encode(
            x=alt.X(
                "day:O",
                sort=drawn["day"].to_list(),
                title=t("Day stored (UTC)"),
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y(
                "lake_count:Q", title=t("Statements"), axis=alt.Axis(tickCount=4, grid=True, gridOpacity=0.5)
            ),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=[agrees, disagrees], range=[colours.fine, colours.attention]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("day:O", title=t("Day")),
                alt.Tooltip("lake_count:Q", title=t("In the lake"), format=","),
                alt.Tooltip("mart_count:Q", title=t("In the marts"), format=","),
                alt.Tooltip("state:N", title=t("Lake and marts")),
            ],
        )
        .properties(height=220)
    )


def _unmapped(unmapped: pl.DataFrame) -> None:
    if unmapped.is_empty():
        return
    page.section(
        t("Statements without a meaning"),
        t(
            "They are kept and counted, and mean nothing to the measures until their verb and object type are mapped."
        ),
    )
    tables.table(
        unmapped,
        {
            "statement_count": t("Statements"),
            "verb_id": t("Verb"),
            "object_activity_type": t("Object's type"),
            "example_statement_id": t("An example"),
        },
        file_name="unmapped",
        alt=t("Verbs and object types without a meaning, most frequent first"),
    )
