"""A picture of an answer: bars, a line or points, of columns that the analyst chooses. The table above it says the same in numbers."""

from __future__ import annotations

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import charts, states
from dashboards.words import mark
from people.queries import Chart

t, tn = words.room(__name__)
KINDS = {
    "none": mark("No picture"),
    "bar": mark("Bars"),
    "line": mark("Line"),
    "scatter": mark("Points"),
}
ROWS = 1_000
"""Rows drawn; more make neither a line nor bars that anybody reads."""


def show(frame: pl.DataFrame) -> Chart:
    """The choosers and the picture of `frame`; answers what was chosen, to be saved with the query."""
    flat = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    numbers = [name for name in flat if frame.schema[name].is_numeric()]
    if not numbers or len(flat) < 2 or frame.is_empty():
        return Chart()
    for key, options in (("chart_x", flat), ("chart_y", numbers)):
        if st.session_state.get(key) not in options:
            st.session_state.pop(key, None)
    with st.container(horizontal=True):
        kind = st.selectbox(t("Picture"), list(KINDS), format_func=lambda k: t(KINDS[k]), key="chart_kind")
        if kind == "none":
            return Chart()
        x = st.selectbox(t("Along"), flat, key="chart_x")
        y = st.selectbox(t("Up"), numbers, index=len(numbers) - 1, key="chart_y")
    drawn = frame.select(x, *([y] if y != x else [])).drop_nulls().head(ROWS)
    if drawn.is_empty():
        states.empty(t("Nothing to draw"), t("The chosen columns hold no values together."))
        return Chart(kind, x, y)
    charts.figure(
        t("{y} by {x}", y=y, x=x),
        tn("{count} row of the answer", "{count} rows of the answer", drawn.height),
        _chart(drawn, kind, x, y),
        text=t("Chart of {y} by {x}; the table has the same numbers.", y=y, x=x),
    )
    return Chart(kind, x, y)


def _chart(frame: pl.DataFrame, kind: str, x: str, y: str) -> alt.Chart:
    """Columns get plain names first: Vega reads dots and brackets in a name as a path."""
    drawn = frame.select(pl.col(x).alias("along"), pl.col(y).alias("up"))
    is_number = frame.schema[x].is_numeric()
    if kind == "scatter" or (kind == "line" and is_number):
        along = alt.X("along:Q" if is_number else "along:N", title=x, scale=alt.Scale(zero=False))
    elif frame.schema[x].is_temporal() and kind == "line":
        along = alt.X("along:T", title=x)
    else:
        along = alt.X("along:N", title=x, sort=None, axis=alt.Axis(labelLimit=140))
    base = alt.Chart(drawn).encode(
        x=along,
        y=alt.Y("up:Q", title=y, axis=alt.Axis(grid=True, gridOpacity=0.5)),
        tooltip=[alt.Tooltip("along", title=x), alt.Tooltip("up:Q", title=y)],
        color=alt.value(design.palette().fine),
    )
    marks = {"bar": base.mark_bar, "line": base.mark_line, "scatter": base.mark_circle}
    return marks[kind]().properties(height=320)
