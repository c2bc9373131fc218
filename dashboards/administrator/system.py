"""The system: what waits to be built, the kept builds, sent = stored = lake = mart by day, who uses the pages, the settings."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import charts, page, states, tables
from dashboards.visit import Visit
from learnlake.clock import utc_now
from learnlake.errors import LearnlakeError
from learnlake.operations import operations
from learnlake.settings import describe_settings
from models.registry import champions
from people import policy, trail
from warehouse import snapshot
from warehouse.watermark import pending

t, tn = words.room(__name__)
USAGE_DAYS = 30


def render(visit: Visit) -> None:
    """The page: what waits, builds, counts by day, usage, settings."""
    policy.check_action(visit.door.scope(), "manage-credentials")
    home, settings = visit.settings.home, visit.settings
    waiting = pending(home, settings, model_versions=champions(home)).reasons
    days, problem = _days(visit)
    page.header(visit, t("System"), _lead(waiting, days, problem))
    _waiting(waiting)
    _builds(visit)
    _counts(days, problem)
    _usage(visit)
    _settings(visit)


def _lead(waiting: tuple[str, ...], days: pl.DataFrame, problem: str | None) -> str:
    if problem:
        return t(
            "The Learning Record Store could not be counted: see below why, and start it if it stands still."
        )
    lost = days.filter(pl.col("state") == "disagree").height
    if lost:
        return tn(
            "{count} day disagrees between the store, the lake and the marts: run learnlake reconcile --repair, "
            "then look again.",
            "{count} days disagree between the store, the lake and the marts: run learnlake reconcile --repair, "
            "then look again.",
            lost,
        )
    if waiting:
        return t(
            "Nothing to do: newer data wait for the next run, and every day that is built agrees in store, lake and marts."
        )
    return t(
        "Nothing to do: everything that was sent is built, and every day agrees in store, lake and marts."
    )


def _days(visit: Visit) -> tuple[pl.DataFrame, str | None]:
    """Statements by day in store, lake and marts; why the store could not be counted, if so.

    A day is `waiting` where the store has more than the lake and the build is older: the next run takes it.
    """
    built = visit.rows("select stored_date, lake_count, mart_count from qc_reconciliation")
    kinds = {"stored_date": pl.Date, "store_count": pl.Int64}
    problem = None
    try:
        by_day = operations().stored_by_day(visit.settings, visit.viewer.tenant)
    except LearnlakeError as error:
        by_day, problem = {}, f"{error.what}. {error.mend or ''}"
    stored = pl.DataFrame(list(by_day.items()), schema=kinds, orient="row")
    days = built.join(stored, on="stored_date", how="full", coalesce=True).sort(
        "stored_date", descending=True
    )
    if problem is None:
        days = days.with_columns(pl.col("store_count").fill_null(0))
    since_build = pl.col("stored_date") >= visit.build.built_at.date()
    agree = (pl.col("lake_count") == pl.col("mart_count")) & (
        pl.col("store_count").is_null() if problem else pl.col("store_count").eq_missing(pl.col("lake_count"))
    )
    waits = since_build & (pl.col("store_count") > pl.col("lake_count").fill_null(0))
    return days.with_columns(
        pl.when(agree)
        .then(pl.lit("agree"))
        .when(waits)
        .then(pl.lit("waiting"))
        .otherwise(pl.lit("disagree"))
        .alias("state")
    ), problem


def _waiting(waiting: tuple[str, ...]) -> None:
    if not waiting:
        return
    page.section(
        t("What waits for the next run"), t("Dagster begins one by itself; learnlake run begins one now.")
    )
    st.markdown("\n".join(f"- {reason}" for reason in waiting))


def _builds(visit: Visit) -> None:
    rows = []
    for folder in sorted(visit.settings.home.snapshots.glob("[!.]*/"), reverse=True):
        try:
            build = snapshot.read_build(folder)
        except FileNotFoundError:
            continue  # being written, or being removed
        rows.append(
            {
                "build_id": build.build_id,
                "built_at": build.built_at.replace(tzinfo=None),
                "as_of": build.as_of,
                "statements": build.statement_counts.get(visit.viewer.tenant, 0),
                "started_by": build.started_by,
                "run_id": build.run_id,
                "state": t("shown now") if build.build_id == visit.build.build_id else t("kept"),
            }
        )
    page.section(
        t("Builds"),
        t(
            "The published ones that are kept. A run that fails publishes nothing and leaves them standing; its log is in Dagster "
            "(port {port}).",
            port=str(visit.settings.dagster_port),
        ),
    )
    tables.table(
        pl.DataFrame(rows),
        {
            "built_at": t("Built (UTC)"),
            "state": t("State"),
            "as_of": t("As of"),
            "statements": t("Statements"),
            "started_by": t("Started by"),
            "run_id": t("Run"),
        },
        file_name="builds",
        alt=t("Published builds that are kept, newest first"),
    )


def _counts(days: pl.DataFrame, problem: str | None) -> None:
    lost = days.filter(pl.col("state") == "disagree").height
    page.section(
        t("Stored = in the lake = in the marts")
        if not lost and not problem
        else tn("{count} day disagree", "{count} days disagree", lost),
        t(
            "Statements by the UTC day on which the store took them: an answered request is a stored statement. Days since the build wait for the next run."
        ),
    )
    if problem:
        st.warning(problem, icon=":material/link_off:")
    if days.is_empty():
        states.empty(t("No statement was stored yet"), t("Make a credential, and let a system send."))
        return
    said = {"agree": t("agree"), "waiting": t("waiting"), "disagree": t("disagree")}
    tables.table(
        days.with_columns(pl.col("state").replace(said)),
        {
            "stored_date": t("Day"),
            "store_count": t("In the store"),
            "lake_count": t("In the lake"),
            "mart_count": t("In the marts"),
            "state": t("They"),
        },
        file_name="statements-by-day",
        alt=t("Statements by day in store, lake and marts, newest first"),
    )


def _usage(visit: Visit) -> None:
    since = utc_now().date() - dt.timedelta(days=USAGE_DAYS)
    entries = trail.search(
        visit.settings.home,
        tenant=visit.viewer.tenant,
        action="log-in",
        result="allowed",
        since=since.isoformat(),
        limit=1_000_000,
    )
    seen = pl.DataFrame(
        {"day": [entry.at[:10] for entry in entries], "who": [entry.actor_key for entry in entries]},
        schema={"day": pl.String, "who": pl.String},
    )
    days = (
        seen.group_by("day")
        .agg(pl.col("who").n_unique().alias("people"), pl.len().alias("log_ins"))
        .sort("day")
        .with_columns(pl.col("day").str.to_date())
    )
    everybody = seen["who"].n_unique()
    page.section(
        tn(
            "{count} person logged in within {days} days",
            "{count} people logged in within {days} days",
            everybody,
            days=USAGE_DAYS,
        ),
        t("People who logged in to these pages, by UTC day. Counted, not named."),
    )
    if days.is_empty():
        states.empty(t("Nobody has logged in"), t("Give people their log-ins on the page People."))
        return
    if days.height >= 3:
        busiest = days.sort("people", descending=True).row(0, named=True)
        charts.figure(
            t("Most people on {day}: {count}", day=busiest["day"], count=busiest["people"]),
            t("People who logged in, by day"),
            _bars(days),
            text=t("Bar chart of people who logged in by day; most on {day}.", day=busiest["day"]),
        )
    tables.table(
        days.sort("day", descending=True),
        {"day": t("Day"), "people": t("People"), "log_ins": t("Log-ins")},
        file_name="usage",
        alt=t("People who logged in by day, newest first"),
    )


def _bars(days: pl.DataFrame) -> alt.Chart:
    drawn = days.with_columns(
        pl.Series("label", [page.short_day(day) for day in days["day"]], dtype=pl.String)
    )
    return (
        alt.Chart(drawn)
        .mark_bar(color=design.palette().fine)
        .encode(
            x=alt.X(
                "label:O",
                sort=drawn["label"].to_list(),
                title=t("Day (UTC)"),
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y("people:Q", title=t("People"), axis=alt.Axis(tickCount=4, tickMinStep=1, grid=True)),
        )
        .properties(height=200)
    )


def _settings(visit: Visit) -> None:
    page.section(
        t("Settings"),
        t(
            "Read only here: they are the environment's and learnlake.toml's, so that what runs is what whoever runs Learnlake has written down."
        ),
    )
    rows = [
        {
            "variable": str(row["variable"]),
            "value": _shown(row["value"]),
            "state": t("changed") if row["value"] != row["default"] else t("default"),
            "meaning": str(row["meaning"] or ""),
        }
        for row in describe_settings(visit.settings)
    ]
    only_changed = st.toggle(
        t("Only those that differ from their default"),
        value=st.query_params.get("changed") == "1",
        key="settings_changed",
    )
    if only_changed:
        st.query_params["changed"] = "1"
    else:
        st.query_params.pop("changed", None)
    shown = pl.DataFrame(rows)
    tables.table(
        shown.filter(pl.col("state") == t("changed")) if only_changed else shown,
        {
            "variable": t("Setting"),
            "value": t("Value"),
            "state": t("State"),
            "meaning": t("What it does, and why"),
        },
        file_name="settings",
        config={t("What it does, and why"): st.column_config.TextColumn(width="large")},
        alt=t("Settings with value and meaning"),
    )


def _shown(value: object) -> str:
    """Plain values as they are; what has parts of its own (providers, directories) only as being there: it may hold secrets."""
    if value is None:
        return ""
    return str(value) if isinstance(value, (str, int, float, bool, dt.date, Path)) else t("set")
