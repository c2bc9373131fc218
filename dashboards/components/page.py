"""The frame of every page: title, what it asks of its reader, the generated-data label, and the freshness note."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import logging
import zoneinfo

import streamlit as st

from dashboards import design, words
from dashboards.visit import Visit, newest_build, viewer_of
from dashboards.words import mark
from learnlake.settings import Settings

REFRESH_SECONDS = 4
"""How often an open page looks for a new snapshot or an ended session: one small file and one indexed row."""

_log = logging.getLogger(__name__)
t, _tn = words.room(__name__)


GENERATED = {
    "all": (mark("Generated data"), mark("No real person did any of this.")),
    "some": (mark("Partly generated data"), mark("The sample school's people are not real.")),
}
"""The label of what no real person did, and what it means."""


def header(
    visit: Visit, title: str, lead: str, *, as_of: dt.date | None = None, section_key: str | None = None
) -> None:
    """Title, then one sentence with what the page asks of its reader, then the day that the page shows.

    `as_of` is the day of a finished term; otherwise the build's. `section_key` is the class that the page is about.
    """
    st.title(title, anchor=False)
    st.html(f'<p class="ll-lead">{html.escape(lead)}</p>')
    label = t("As of {day}", day=words.long_day(as_of or visit.build.as_of))
    if kind := GENERATED.get(visit.generated(section_key)):
        label += f" &nbsp;{chip(t(kind[0]), 'watch')} {t(kind[1])}"
    st.html(f'<p class="ll-small">{label}</p>')


def footer(visit: Visit) -> None:
    """When the page's data were built and by which run; moves the page on when a newer build is published."""
    build = visit.build
    note = t(
        "Data as of <b>{day}</b>, built <b>{moment}</b> from {count} statements by run <b>{run}</b>. This page moves on "
        "by itself when newer data are published.",
        day=words.long_day(build.as_of),
        moment=words.moment(build.built_at, _zone()),
        count=build.statement_count,
        run=html.escape(str(build.run_id)),
    )
    st.html(f'<div class="ll-note" role="contentinfo">{note}</div>')
    watch(visit.settings, visit.token, visit.build.build_id)


def watch(settings: Settings, token: str, shown_build: str | None) -> None:
    """Look now and then for a newer build or an ended session, and run the page again when there is one."""

    @st.fragment(run_every=REFRESH_SECONDS, key="watch")
    def look() -> None:
        if newest_build(settings) != shown_build:
            st.session_state["moved_on"] = True
            st.rerun()
        if viewer_of(settings, token, is_use=False) is None:
            st.rerun()

    look()
    if st.session_state.pop("moved_on", False):
        st.toast(t("New data: this page now shows the newest build."), icon=":material/update:")


def section(title: str, explanation: str | None = None) -> None:
    """A heading that says the finding, with one line of explanation in small print below."""
    st.subheader(title, anchor=False)
    if explanation:
        st.html(f'<p class="ll-small">{html.escape(explanation)}</p>')


def chip(text: str, meaning: design.Meaning) -> str:
    """HTML of a small label in the colour of its meaning."""
    tone = "neutral" if meaning == "accent" else meaning
    return f'<span class="ll-chip ll-{tone}">{html.escape(text)}</span>'


def tiles(*figures: Tile) -> None:
    """A row of figures; two beside each other on a phone."""
    grid = st.grid(len(figures), min_column_width=150, gap="small")
    for tile in figures:
        grid.metric(
            tile.label,
            tile.value,
            tile.change,
            delta_color="off" if tile.is_neutral else ("normal" if tile.higher_is_good else "inverse"),
            help=tile.help,
            border=True,
            height="stretch",
        )


@dataclasses.dataclass(frozen=True)
class Tile:
    """One figure: `value` as text, `change` with its sign as text, or None."""

    label: str
    value: str
    change: str | None = None
    higher_is_good: bool = True
    is_neutral: bool = False
    help: str | None = None


def share(value: float | None) -> str:
    """0.874 as 87%; a dash for none."""
    return words.percent(value) if value is not None else "–"


def points(value: float | None, before: float | None) -> str | None:
    """The change of a share in percentage points, with sign; None where there is none to tell."""
    if value is None or before is None:
        return None
    change = round(100 * (value - before))
    return _points(change) if change else None


def _points(change: int) -> str:
    return t("{change} points", change=f"{change:+d}")


def how_worked_out(text: str) -> None:
    """The note below a chart: how its figures are worked out."""
    with st.expander(t("How is this worked out?"), icon=":material/help:", type="compact"):
        st.markdown(text)


def full_day(day: dt.date) -> str:
    """20 Nov 2026: where the year is not clear from the page."""
    return words.day(day)


def short_day(day: dt.date | None) -> str:
    """20 Nov; a dash for no day."""
    return words.short_day(day) if day else "–"


def _zone() -> dt.tzinfo:
    if st.context.timezone:
        try:
            return zoneinfo.ZoneInfo(st.context.timezone)
        except zoneinfo.ZoneInfoNotFoundError:
            _log.info("unknown time zone of a browser", extra={"zone": st.context.timezone})
    return dt.UTC
