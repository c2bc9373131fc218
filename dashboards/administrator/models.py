"""The models' health: drift alarms with what to do about them, every comparison, and Evidently's own report of whole sessions."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import drift_report, words
from dashboards.components import notes, page, states, tables
from dashboards.visit import Visit
from dashboards.words import mark

t, tn = words.room(__name__)
_DRIFT = "from qc_drift order by has_drifted desc, statistic / nullif(threshold, 0) desc nulls last, scope, feature"
_MODELS = """
select kind, model_name, model_version, count(*) as unit_count, max(as_of) as as_of
from prd_record
group by kind, model_name, model_version
order by kind, as_of desc, model_version desc
"""
WHAT_TO_DO = {
    "input": mark(
        "What students do is recorded or done otherwise than before. Look first whether a source has changed (page Sources), then train anew: learnlake train risk."
    ),
    "prediction": mark(
        "The model answers otherwise than in the session before. Look at the inputs above first; if none has drifted, compare versions before you promote: learnlake evaluate."
    ),
    "outcome": mark(
        "Answers or results have changed against what the model was trained on. Train anew, and let the comparison decide which version serves: learnlake train."
    ),
}
ALARMS = 8
"""Alarms listed; the table has all."""
FRAME_HEIGHT = 900


def render(visit: Visit) -> None:
    """The page: finding, alarms with what to do, models in use, all comparisons, the report."""
    drift = visit.rows(_DRIFT)
    alarms = drift.filter("has_drifted")
    page.header(visit, t("Models"), _lead(drift, alarms))
    _alarms(alarms)
    _models(visit)
    _table(drift)
    _report(visit)


def _lead(drift: pl.DataFrame, alarms: pl.DataFrame) -> str:
    if drift.is_empty():
        return t("Come back when two sessions have been compared; until then there is nothing to decide.")
    if alarms.is_empty():
        return t("Nothing to do: no model sees anything that it was not trained on.")
    return tn(
        "Look at {count} alarm: what a model sees or says has drifted.",
        "Look at {count} alarms: what a model sees or says has drifted.",
        alarms.height,
    )


def _alarms(alarms: pl.DataFrame) -> None:
    for kind, part in alarms.with_columns(pl.col("kind").fill_null("input")).group_by(
        "kind", maintain_order=True
    ):
        items = "".join(
            f"<li>{html.escape(_alarm(row))}</li>" for row in part.head(ALARMS).iter_rows(named=True)
        )
        todo = html.escape(t(WHAT_TO_DO.get(str(kind[0]), WHAT_TO_DO["input"])))
        st.html(f'<ul class="ll-why">{items}</ul><p><b>{todo}</b></p>')
        if part.height > ALARMS:
            st.caption(t("{count} more stand in the table.", count=part.height - ALARMS))


def _alarm(row: dict) -> str:
    values = {
        "feature": row["feature"],
        "value": words.number(row["statistic"] or 0.0, decimals=3),
        "threshold": words.number(row["threshold"] or 0.0, decimals=3),
    }
    if row["scope"] in (None, "all"):
        return t("{feature}: {value} where {threshold} is the limit.", **values)
    return t("{feature} in {scope}: {value} where {threshold} is the limit.", scope=row["scope"], **values)


def _models(visit: Visit) -> None:
    found = visit.rows(_MODELS)
    if found.is_empty():
        return
    page.section(t("Models in use"), t("Which version made how many of the predictions that are shown."))
    tables.table(
        found,
        {
            "kind": t("Kind"),
            "model_name": t("Model"),
            "model_version": t("Version"),
            "unit_count": t("Persons or classes"),
            "as_of": t("As of"),
        },
        file_name="models",
        alt=t("Models in use by version"),
    )


def _table(drift: pl.DataFrame) -> None:
    if drift.is_empty():
        states.empty(
            t("Nothing has been compared yet"),
            t("Drift needs two sessions with a complete week each; the nightly job compares them."),
        )
        return
    page.section(t("All comparisons"), t("Drifted ones first."))
    yes, no = t("drifted"), t("stable")
    shown = drift.with_columns(pl.when("has_drifted").then(pl.lit(yes)).otherwise(pl.lit(no)).alias("state"))
    tables.table(
        shown,
        {
            "feature": t("Feature"),
            "state": t("State"),
            "scope": t("Where"),
            "kind": t("Kind"),
            "statistic": t("Statistic"),
            "threshold": t("Limit"),
            "statistic_name": t("How compared"),
            "reference_window": t("Against"),
            "current_window": t("Now"),
            "cause": t("What it may mean"),
        },
        file_name="drift",
        config={
            t("Statistic"): st.column_config.NumberColumn(format="%.3f"),
            t("Limit"): st.column_config.NumberColumn(format="%.3f"),
        },
        alt=t("Drift by feature, drifted ones first"),
    )
    page.how_worked_out(
        notes.definitions(**{t("Statistic"): "qc_drift.statistic", t("Limit"): "qc_drift.threshold"})
    )


def _report(visit: Visit) -> None:
    page.section(
        t("Evidently's report"),
        t(
            "Distributions of each feature, this session beside the one before. It loads nothing from elsewhere."
        ),
    )
    if drift_report.report_of(visit.settings, visit.viewer.tenant) is None:
        states.empty(t("No report yet"), t("The nightly job writes it when it compares two sessions."))
        return
    save = html.escape(t("Save the report"))
    st.html(f'<p class="ll-out"><a href="{drift_report.PATH}?save=1" target="_self">{save}</a></p>')
    st.iframe(
        drift_report.PATH,
        height=FRAME_HEIGHT,
        alt=t("Evidently's drift report; the table above has the same statistics."),
    )
