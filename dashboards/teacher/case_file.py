"""What has been done for one student: notes, messages, interventions, newest first, and each intervention beside the trend."""

from __future__ import annotations

import datetime as dt
import html

import altair as alt
import polars as pl
import streamlit as st

from dashboards import design, words
from dashboards.classes import Class
from dashboards.components import charts, notes, page
from dashboards.teacher import acting, under_way
from dashboards.visit import Visit, people_of
from people import contact, interventions
from people.interventions import Intervention

t, tn = words.room(__name__)
WEEKS_BEFORE = 3
"""Complete weeks before an intervention that it is held against: a usual week, and not last term's."""
_WEEKS = """
select week_index, week_start_date, week_end_date, minutes_active, correct_count / nullif(attempt_count, 0) as correct_share
from msr_student_week
where person_key = $person and section_key = $section and week_index >= 1 and is_complete
order by week_index
"""


def show(visit: Visit, chosen: Class, person_key: str, name: str) -> None:
    """The form, then plans with what came of them, then the log."""
    kinds = acting.allowed(visit, chosen.section_key)
    page.section(t("What has been done"))
    acting.told()
    if kinds:
        with st.expander(t("Write a note or a message, or begin an intervention")):
            acting.form(visit, chosen, person_key, name, kinds)
    engine = people_of(visit.settings)
    plans = interventions.of_student(engine, visit.viewer, chosen.section_key, person_key)
    _plans(visit, chosen, person_key, plans)
    _log(visit, chosen, person_key, plans)


def _plans(visit: Visit, chosen: Class, person_key: str, plans: list[Intervention]) -> None:
    if not plans:
        return
    weeks = visit.rows(_WEEKS, {"person": person_key, "section": chosen.section_key})
    for one in plans:
        outcome = t(under_way.OUTCOME_WORDS.get(one.outcome or "", words.mark("Under way")))
        meaning: design.Meaning = "fine" if one.outcome == "helped" else "watch" if one.outcome else "neutral"
        days = t("{first} to {last}", first=one.begin_date, last=one.ended_on or one.end_date)
        remark = f"<div>{html.escape(one.outcome_text)}</div>" if one.outcome_text else ""
        with st.container(border=True):
            st.html(
                f'<span class="ll-name">{html.escape(one.what)}</span> {page.chip(outcome, meaning)}'
                f'<div class="ll-small">{days}</div>{remark}'
                f'<div style="margin-top:.3rem">{html.escape(_change(weeks, one))}</div>'
            )
    if not weeks.is_empty():
        _trend(weeks, plans)


def _change(weeks: pl.DataFrame, one: Intervention) -> str:
    """Minutes and right answers of the weeks before and since, in words. Weeks that touch the plan's first day count as since."""
    until = one.ended_on or dt.date.max
    before = weeks.filter(pl.col("week_end_date") < one.begin_date).tail(WEEKS_BEFORE)
    since = weeks.filter(pl.col("week_end_date") >= one.begin_date, pl.col("week_start_date") <= until)
    if before.is_empty() or since.is_empty():
        return t("Too early to compare: a complete week before and one since are needed.")
    minutes, right = (
        (_mean(before, name), _mean(since, name)) for name in ("minutes_active", "correct_share")
    )
    told = t("Minutes a week: {before} before, {since} since.", before=minutes[0] or 0, since=minutes[1] or 0)
    if None in right:
        return told
    shares = {"before": page.share(right[0]), "since": page.share(right[1])}
    return f"{told} {t('Right answers: {before} before, {since} since.', **shares)}"


def _mean(weeks: pl.DataFrame, column: str) -> float | None:
    values = weeks[column].drop_nulls().cast(pl.Float64)
    return float(values.sum()) / len(values) if len(values) else None


def _trend(weeks: pl.DataFrame, plans: list[Intervention]) -> None:
    starts = [
        {"week_index": row["week_index"], "what": one.what}
        for one in plans
        for row in weeks.iter_rows(named=True)
        if row["week_start_date"] <= one.begin_date <= row["week_end_date"]
    ]
    line = charts.weekly_line(weeks, y="minutes_active", y_title=t("Minutes"))
    if starts:
        rule = alt.Chart(pl.DataFrame(starts)).mark_rule(
            strokeDash=[4, 3], strokeWidth=2, color=design.palette().watch
        )
        line = line + rule.encode(x="week_index:O", tooltip=[alt.Tooltip("what:N", title=t("Begun"))])
    newest = plans[0]
    charts.figure(
        _change(weeks, newest),
        t("Minutes active by complete week of the term; a dashed line where an intervention began"),
        line,
        text=t("Line chart of this student's minutes by week, with the weeks in which interventions began."),
        how=t(
            "A change since an intervention is no proof that it came from it: other things happen in the same weeks."
        )
        + "\n\n"
        + notes.definitions(Minutes="msr_student_week.minutes_active"),
    )


def _log(visit: Visit, chosen: Class, person_key: str, plans: list[Intervention]) -> None:
    """Notes and messages, newest first, with who wrote and who has read them."""
    engine, viewer = people_of(visit.settings), visit.viewer
    kept = contact.notes(engine, viewer, chosen.section_key, person_key)
    sent = contact.sent(engine, viewer, chosen.section_key, person_key)
    if not (kept or sent or plans):
        st.caption(t("No note, no message and no intervention yet."))
        return
    keys = {one.author_key for one in kept} | {one.author_key for one in sent}
    keys |= {key for one in sent for key in one.read_by}
    names = acting.names_of(visit, keys)
    lines = [(one.written_at, t("Note"), names[one.author_key], one.text) for one in kept]
    lines += [(one.sent_at, _address(one, names), names[one.author_key], one.text) for one in sent]
    for at, what, author, text in sorted(lines, reverse=True):
        st.html(
            f'<div style="margin:.5rem 0"><span class="ll-small">{words.day(at.date())} · '
            f'{html.escape(what)} · {html.escape(author)}</span><div style="white-space:pre-wrap">{html.escape(text)}</div></div>'
        )


def _address(one: contact.Message, names: dict[str, str]) -> str:
    to = {
        (True, True): t("Message to the student and the guardians"),
        (True, False): t("Message to the student"),
        (False, True): t("Message to the guardians"),
    }[(one.to_student, one.to_guardians)]
    if one.read_by:
        readers = ", ".join(sorted(names[key] for key in one.read_by))
        return t("{message}, read by {names}", message=to, names=readers)
    return t("{message}, not read yet", message=to)
