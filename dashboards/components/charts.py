"""Charts. Each is shown under a title that says what it finds, with units, a text alternative and the note behind it."""

from __future__ import annotations

import html
from collections.abc import Sequence

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.components import page
from dashboards.words import mark

t, _tn = words.room(__name__)
BANDS = (mark("Not tried yet"), mark("Starting"), mark("On the way"), mark("Mastered"))
"""Mastery in words, to be translated; `band` says which."""
HALF = 0.5


def figure(
    finding: str, measure: str, chart: alt.Chart | alt.LayerChart, *, text: str, how: str | None = None
) -> None:
    """Show `chart` under `finding`, with `measure` (what is drawn, in which unit) below it and `text` for screen readers."""
    title(finding, measure)
    draw(chart, text=text)
    if how:
        page.how_worked_out(how)


def draw(chart: alt.Chart | alt.LayerChart, *, text: str) -> None:
    """The picture alone, in the one style of all pictures."""
    st.altair_chart(
        chart.configure_view(strokeWidth=0).configure_axis(labelFontSize=12, titleFontSize=12, grid=False),
        alt=text,
    )


def title(finding: str, measure: str) -> None:
    """What a picture finds, and what it draws."""
    st.html(
        f'<p class="ll-figure"><strong>{html.escape(finding)}</strong><br>'
        f'<span class="ll-small">{html.escape(measure)}</span></p>'
    )


def band(mastery: str, opportunities: str, *, threshold: float) -> pl.Expr:
    """The word for a mastery estimate: untried without an opportunity, mastered from `threshold` on."""
    return (
        pl.when(pl.col(opportunities) == 0)
        .then(pl.lit(t(BANDS[0])))
        .when(pl.col(mastery) >= threshold)
        .then(pl.lit(t(BANDS[3])))
        .when(pl.col(mastery) >= HALF)
        .then(pl.lit(t(BANDS[2])))
        .otherwise(pl.lit(t(BANDS[1])))
    )


def _band_words() -> list[str]:
    return [t(word) for word in BANDS]


def _band_scale() -> alt.Scale:
    return alt.Scale(domain=_band_words(), range=list(design.palette().mastery))


def band_legend() -> None:
    """The four words of mastery beside their colours: HTML, so that it wraps on a phone."""
    colours = design.palette()
    marks = "".join(
        '<span style="display:inline-flex;align-items:center;gap:.4rem;margin-right:1rem">'
        f'<span style="width:.9rem;height:.9rem;border-radius:3px;background:{tone};border:1px solid {colours.border}">'
        f"</span>{word}</span>"
        for word, tone in zip(_band_words(), colours.mastery, strict=True)
    )
    st.html(f'<div class="ll-small">{marks}</div>')


def mastery_heatmap(frame: pl.DataFrame, *, students: Sequence[str], skills: Sequence[str]) -> alt.Chart:
    """Students by skills. `frame` has student, skill, band, mastery (0..1), opportunity_count; orders are given."""
    colours = design.palette()
    return (
        alt.Chart(frame)
        .mark_rect(stroke=colours.background, strokeWidth=1.5, cornerRadius=2)
        .encode(
            x=alt.X(
                "skill:N",
                sort=list(skills),
                title=None,
                axis=alt.Axis(
                    orient="top",
                    labelAngle=-55,
                    labelLimit=160,
                    labelOverlap=False,
                    ticks=False,
                    domain=False,
                ),
            ),
            y=alt.Y(
                "student:N",
                sort=list(students),
                title=None,
                axis=alt.Axis(
                    labelLimit=120, labelOverlap=False, labelFlush=False, ticks=False, domain=False
                ),
            ),
            color=alt.Color("band:N", scale=_band_scale(), legend=None),
            tooltip=[
                alt.Tooltip("student:N", title=t("Student")),
                alt.Tooltip("skill:N", title=t("Skill")),
                alt.Tooltip("band:N", title=t("Mastery")),
                alt.Tooltip("mastery:Q", title=t("Probability"), format=".0%"),
                alt.Tooltip("opportunity_count:Q", title=t("Answers")),
            ],
        )
        .properties(height=max(120, 24 * len(students) + 150))
    )


def weekly_line(
    frame: pl.DataFrame,
    *,
    y: str,
    y_title: str,
    y_format: str = ",.0f",
    series: str | None = None,
    colours: dict[str, str] | None = None,
    height: int = 230,
    zero: bool = True,
) -> alt.LayerChart:
    """A measure by week. `frame` has week_index and `y`, with `series` naming the lines where there are several."""
    encoding = {
        "x": alt.X(
            "week_index:O", title=t("Week of the term"), axis=alt.Axis(labelAngle=0, labelOverlap=True)
        ),
        "y": alt.Y(
            f"{y}:Q",
            title=y_title,
            axis=alt.Axis(format=y_format, tickCount=4, grid=True, gridOpacity=0.5),
            scale=alt.Scale(zero=zero),
        ),
        "tooltip": [
            alt.Tooltip("week_index:O", title=t("Week")),
            alt.Tooltip(f"{y}:Q", title=y_title, format=y_format),
        ],
    }
    if series and colours:
        encoding["color"] = alt.Color(
            f"{series}:N",
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            legend=alt.Legend(orient="top", title=None),
        )
        encoding["tooltip"].insert(0, alt.Tooltip(f"{series}:N", title=t("Whose")))
    else:
        encoding["color"] = alt.value(design.palette().fine)
    base = alt.Chart(frame).encode(**encoding)
    return (base.mark_line(strokeWidth=2.5) + base.mark_circle(size=55, opacity=1)).properties(height=height)


def stacked_weeks(
    frame: pl.DataFrame, *, y: str, series: str, colours: dict[str, str], y_title: str, height: int = 250
) -> alt.Chart:
    """Counts by week, stacked by `series` in the order and colours of `colours`."""
    order = {name: number for number, name in enumerate(colours)}
    frame = frame.with_columns(pl.col(series).replace_strict(order, default=len(order)).alias("stack_order"))
    return (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X(
                "week_index:O", title=t("Week of the term"), axis=alt.Axis(labelAngle=0, labelOverlap=True)
            ),
            y=alt.Y(
                f"{y}:Q", title=y_title, axis=alt.Axis(tickCount=4, tickMinStep=1, grid=True, gridOpacity=0.5)
            ),
            color=alt.Color(
                f"{series}:N",
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
                legend=alt.Legend(orient="top", title=None),
            ),
            order=alt.Order("stack_order:Q"),
            tooltip=[
                alt.Tooltip("week_index:O", title=t("Week")),
                alt.Tooltip(f"{series}:N", title=t("What")),
                alt.Tooltip(f"{y}:Q", title=y_title),
            ],
        )
        .properties(height=height)
    )


def ranked_bars(
    frame: pl.DataFrame,
    *,
    x: str,
    y: str,
    x_title: str,
    x_format: str,
    first_needs_help: bool = False,
) -> alt.LayerChart:
    """One bar per row in the frame's order, its value written at its end; `first_needs_help` colours the first one."""
    colours = design.palette()
    names = frame[y].to_list()
    base = alt.Chart(frame).encode(
        x=alt.X(
            f"{x}:Q",
            title=x_title,
            axis=alt.Axis(format=x_format, tickCount=4, grid=True, gridOpacity=0.5),
            scale=alt.Scale(zero=True),
        ),
        y=alt.Y(f"{y}:N", sort=names, title=None, axis=alt.Axis(labelLimit=180, ticks=False, domain=False)),
        tooltip=[
            alt.Tooltip(f"{y}:N", title=t("Who")),
            alt.Tooltip(f"{x}:Q", title=x_title, format=x_format),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.7}).encode(
        color=alt.condition(
            alt.datum[y] == names[0] if first_needs_help else "false",
            alt.value(colours.attention),
            alt.value(colours.fine),
        )
    )
    texts = base.mark_text(align="left", dx=4, color=colours.text).encode(
        text=alt.Text(f"{x}:Q", format=x_format)
    )
    return (bars + texts).properties(height=28 * len(names) + 75)


def mastery_bars(frame: pl.DataFrame, *, threshold: float) -> None:
    """One bar per skill as plain HTML: reads well on a phone and to a screen reader.

    `frame` has skill, band, mastery (0..1), opportunity_count, correct_count, in the order to show.
    """
    colours = design.palette()
    tones = dict(zip(_band_words(), colours.mastery, strict=True))
    rows = []
    for row in frame.iter_rows(named=True):
        share = round(100 * row["mastery"]) if row["opportunity_count"] else 0
        answers = (
            t(
                "{right} of {all} answers right",
                right=int(row["correct_count"]),
                all=int(row["opportunity_count"]),
            )
            if row["opportunity_count"]
            else t("no answers yet")
        )
        rows.append(
            '<div style="margin:.55rem 0">'
            '<div style="display:flex;justify-content:space-between;gap:.8rem;flex-wrap:wrap">'
            f"<span>{html.escape(row['skill'])}</span>"
            f'<span class="ll-small">{html.escape(row["band"])} · {answers}</span></div>'
            f'<div class="ll-bar" role="img" aria-label="{html.escape(row["band"])}, {words.percent(share / 100)}">'
            f'<span style="width:{share}%;background:{tones[row["band"]]};'
            f'box-shadow:inset 0 0 0 1px {colours.border}"></span></div></div>'
        )
    st.html("".join(rows))
    note = t(
        "A full bar is certainty. Mastered counts from {threshold} on.", threshold=words.percent(threshold)
    )
    st.html(f'<p class="ll-small">{note}</p>')
