"""The bar of achievements on the student's start page: streak and badges. A rank is nobody's business unless the student agreed."""

from __future__ import annotations

import html

import streamlit as st

from dashboards import design, words
from dashboards.components import notes, page
from dashboards.visit import Visit

t, tn = words.room(__name__)
SHOWN = 6
_STREAK = "select current_days, longest_days, last_active_date from msr_streak where person_key = $person"
_BADGES = (
    "select title, earned_date from msr_badge where person_key = $person order by earned_date desc, badge"
)


def bar(visit: Visit) -> None:
    """Streak and newest badges in one line; nothing before the first day of work."""
    streak = visit.rows(_STREAK, {"person": visit.me})
    if streak.is_empty():
        return
    days = streak.row(0, named=True)
    badges = visit.rows(_BADGES, {"person": visit.me})
    chips = [page.chip(_streak(days["current_days"], days["longest_days"]), _tone(days["current_days"]))]
    chips += [
        page.chip(f"★ {_title(row['title'])}", "fine") for row in badges.head(SHOWN).iter_rows(named=True)
    ]
    items = "".join(f'<li style="display:inline-block;margin:0 .4rem .4rem 0">{chip}</li>' for chip in chips)
    st.html(
        f'<ul aria-label="{t("My achievements")}" style="list-style:none;margin:0;padding:0">{items}</ul>'
    )
    with st.expander(t("All my badges, and what they are for"), type="compact"):
        lines = "".join(
            f"<li><b>{html.escape(_title(row['title']))}</b>, {words.day(row['earned_date'])}</li>"
            for row in badges.iter_rows(named=True)
        )
        lines = lines or f"<li>{t('None yet: the first one comes with your first day of work.')}</li>"
        st.html(f'<ul class="ll-why">{lines}</ul>')
        st.markdown(
            notes.definitions(
                Streak="msr_streak.current_days", Longest="msr_streak.longest_days", Badges="msr_badge"
            )
        )


_TITLES = (
    words.mark("First day"),
    words.mark("Ten days"),
    words.mark("Fifty days"),
    words.mark("A whole week"),
    words.mark("A whole month"),
    words.mark("Ten right"),
    words.mark("A hundred right"),
    words.mark("A thousand right"),
)
"""The badges of `dbt_project/seeds/badge.csv`; a school's own are shown as the school wrote them."""


def _title(title: str) -> str:
    return t(title) if title in _TITLES else title


def _streak(current: int, longest: int) -> str:
    if not current:
        return tn(
            "No streak now; your longest: {count} day", "No streak now; your longest: {count} days", longest
        )
    if current >= longest:
        return tn(
            "{count} day in a row, your longest yet", "{count} days in a row, your longest yet", current
        )
    return tn(
        "{count} day in a row; your longest: {longest}",
        "{count} days in a row; your longest: {longest}",
        current,
        longest=longest,
    )


def _tone(current: int) -> design.Meaning:
    return "watch" if current else "neutral"
