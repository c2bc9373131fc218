"""The teacher's start page: the class's students ranked by need, with reasons and the change since last week."""

from __future__ import annotations

import html

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.classes import Class, choose_class, classes, weeks
from dashboards.components import charts, notes, page, states, tables
from dashboards.teacher import acting, under_way, unscheduled
from dashboards.visit import Visit

t, tn = words.room(__name__)
CARDS = 6
"""Students shown as cards before the list folds: what a teacher can act on in a day."""

_RANKED = """
with ranked as (
    select
        r.person_key, r.risk, r.risk_previous, r.is_at_risk, r.reason_1, r.reason_2, r.reason_3, r.week_index,
        r.risk_rank as place,
        row_number() over (order by r.risk_previous desc nulls last, r.person_key) as place_before,
        count(*) filter (where r.is_at_risk) over () as listed_count
    from prd_risk r
    where r.section_key = $section
)
select
    ranked.*, risk - risk_previous as risk_change,
    is_at_risk and risk_previous is not null and place_before > listed_count as is_new_on_list,
    seen.last_active_date
from ranked
left join (
    select person_key, max(last_active_date) as last_active_date
    from msr_student_week
    where section_key = $section
    group by person_key
) as seen on seen.person_key = ranked.person_key
order by place
"""


def render(visit: Visit) -> None:
    """The page: chooser, finding, cards, figures, trend, whole list."""
    found = classes(visit)
    if not found:
        page.header(visit, t("My classes"), t("Here you will see which of your students need you most."))
        states.empty(
            t("No class is assigned to you yet"),
            t(
                "As soon as your school's roster names you as a teacher, or an administrator assigns you a class, "
                "its students appear here."
            ),
        )
        return
    heading = st.container()
    chosen = choose_class(found)
    if not chosen.has_weeks:
        unscheduled.render(visit, chosen, heading)
        return
    ranked = visit.named(_RANKED, {"section": chosen.section_key})
    plans = under_way.of_class(visit, chosen)
    with heading:
        page.header(
            visit,
            t("Who needs you"),
            _lead(chosen, ranked) + _overdue(under_way.overdue(visit, plans)),
            as_of=chosen.as_of_date,
            section_key=chosen.section_key,
        )
    if ranked.is_empty():
        states.empty(
            t("No risk estimates for this class yet"),
            t(
                "They appear once the risk model has been trained on finished classes and this class has completed a week."
            ),
        )
    else:
        _cards(visit, ranked.filter(pl.col("is_at_risk")), chosen)
    under_way.show(visit, chosen, plans, dict(ranked.select("person_key", "display_name").iter_rows()))
    _figures(visit, chosen)
    if not ranked.is_empty():
        _whole_list(ranked)


def _lead(chosen: Class, ranked: pl.DataFrame) -> str:
    if ranked.is_empty():
        return tn(
            "{title} has {count} students.",
            "{title} has {count} students.",
            chosen.student_count or 0,
            title=chosen.title,
        )
    listed = ranked.filter(pl.col("is_at_risk"))
    if not chosen.is_running:
        return t(
            "{title} has finished. On its last day {listed} of {count} students were on the list.",
            title=chosen.title,
            listed=listed.height,
            count=ranked.height,
        )
    if listed.is_empty():
        return t(
            "None of the {count} students in {title} is on the list this week.",
            title=chosen.title,
            count=ranked.height,
        )
    new = listed.filter(pl.col("is_new_on_list")).height
    if new:
        finding = tn(
            "{count} of {all} student needs a word from you in {title}, {new} of them new since last week.",
            "{count} of {all} students need a word from you in {title}, {new} of them new since last week.",
            listed.height,
            all=ranked.height,
            title=chosen.title,
            new=new,
        )
    else:
        finding = tn(
            "{count} of {all} student needs a word from you in {title}, the same ones as last week.",
            "{count} of {all} students need a word from you in {title}, the same ones as last week.",
            listed.height,
            all=ranked.height,
            title=chosen.title,
        )
    return f"{finding} {t('Start with the first; the reasons stand below each name.')}"


def _overdue(count: int) -> str:
    if not count:
        return ""
    return " " + tn(
        "{count} intervention waits for your word on how it went.",
        "{count} interventions wait for your word on how it went.",
        count,
    )


def _cards(visit: Visit, listed: pl.DataFrame, chosen: Class) -> None:
    acting.told()
    kinds = acting.allowed(visit, chosen.section_key)
    for row in listed.head(CARDS).iter_rows(named=True):
        _card(row, chosen, may_act=bool(kinds))
        if kinds and st.session_state.get("acting_on") == row["person_key"]:
            with st.container(border=True):
                acting.form(visit, chosen, row["person_key"], row["display_name"], kinds)
    if listed.height > CARDS:
        more = tn(
            "{count} more are on the list: see the table below.",
            "{count} more are on the list: see the table below.",
            listed.height - CARDS,
        )
        st.html(f'<p class="ll-small">{more}</p>')


def _card(row: dict, chosen: Class, *, may_act: bool) -> None:
    reasons = [row[f"reason_{n}"] for n in (1, 2, 3) if row[f"reason_{n}"]]
    items = "".join(f"<li>{html.escape(reason)}</li>" for reason in reasons)
    risk = t("Risk {share}", share=page.share(row["risk"]))
    place = html.escape(t("Place {place}", place=row["place"]))
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            f'<div class="ll-row"><span class="ll-rank" aria-label="{place}">{row["place"]}</span>'
            f'<div class="ll-body"><span class="ll-name">{html.escape(row["display_name"])}</span> '
            f"{page.chip(risk, 'attention')} {_change_chip(row)}"
            f'<ul class="ll-why">{items}</ul></div></div>',
            width="stretch",
        )
        st.page_link(
            st.session_state["pages"]["teacher-student"],
            label=t("Open"),
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={"class": chosen.section_key, "person": row["person_key"]},
        )
        if may_act:
            st.button(
                t("Act"),
                key=f"act_{row['person_key']}",
                icon=":material/edit_note:",
                help=t("Write a note or a message, or begin an intervention"),
                on_click=_toggle,
                args=(row["person_key"],),
            )


def _toggle(person_key: str) -> None:
    is_open = st.session_state.get("acting_on") == person_key
    st.session_state["acting_on"] = None if is_open else person_key


def _change_chip(row: dict) -> str:
    if row["is_new_on_list"]:
        return page.chip(t("New this week"), "watch")
    change = row["risk_change"]
    if change is None:
        return ""
    points = round(100 * change)
    if points >= 1:
        more = tn("▲ {count} points since the week before", "▲ {count} points since the week before", points)
        return page.chip(more, "attention")
    if points <= -1:
        less = tn("▼ {count} points since the week before", "▼ {count} points since the week before", -points)
        return page.chip(less, "fine")
    return page.chip(t("as the week before"), "neutral")


def _figures(visit: Visit, chosen: Class) -> None:
    done = weeks(visit, chosen.section_key)
    if done.is_empty():
        page.section(t("How the class is doing"))
        states.empty(
            t("No complete week yet"), t("The first figures appear when the class has completed a week.")
        )
        return
    last = done.row(-1, named=True)
    before = done.row(-2, named=True) if done.height > 1 else {}
    page.section(
        t("How the class is doing in week {week}", week=last["week_index"]),
        t(
            "Week {week} ended on {day}. Small figures: change against the week before.",
            week=last["week_index"],
            day=page.short_day(last["week_end_date"]),
        ),
    )
    page.tiles(
        _tile(
            t("Active students"),
            last,
            before,
            "active_share",
            tn("Of {count} students", "Of {count} students", last["student_count"]),
        ),
        _tile(
            t("Right answers"),
            last,
            before,
            "correct_share",
            tn("Of {count} answers", "Of {count} answers", last["attempt_count"]),
        ),
        _tile(t("Mean score"), last, before, "mean_score", t("Of assessments handed in")),
        _tile(t("Absence"), last, before, "absence_rate", t("Share of lessons missed"), higher_is_good=False),
    )
    _trend(done)


def _tile(
    label: str, last: dict, before: dict, name: str, explanation: str, *, higher_is_good: bool = True
) -> page.Tile:
    return page.Tile(
        label,
        page.share(last[name]),
        page.points(last[name], before.get(name)),
        higher_is_good=higher_is_good,
        help=explanation,
    )


def _trend(done: pl.DataFrame) -> None:
    first, last = done["active_share"][0], done["active_share"][-1]
    week = done["week_index"][-1]
    if done.height < 2 or first is None or last is None:
        finding = t("{share} of the class was active in week {week}", share=page.share(last or 0), week=week)
    else:
        best = max(share for share in done["active_share"] if share is not None)
        finding = _moved(first, last, week)
        if best - last > 0.1:
            finding = t("{finding} (best week: {share})", finding=finding, share=page.share(best))
    charts.figure(
        finding,
        t("Share of students with any activity, by week of the term (complete weeks)"),
        charts.weekly_line(done, y="active_share", y_title=t("Active students"), y_format=".0%"),
        text=t("Line chart of active students by week. {finding}.", finding=finding),
        how=notes.definitions(
            **{
                t("Active students"): "msr_class_week.active_student_count",
                t("Students"): "msr_class_week.student_count",
                t("Mean score"): "msr_class_week.mean_score",
                t("Absence"): "msr_class_week.absence_rate",
            }
        )
        + "\n\n"
        + t(
            "Only complete weeks are drawn, so that a week that has just begun doesn't look like a collapse."
        ),
    )


def _moved(first: float, last: float, week: int) -> str:
    figures = {"share": page.share(last), "week": str(week), "first": page.share(first)}
    if abs(last - first) < 0.03:
        del figures["first"]
        return t("{share} of the class was active in week {week}, as many as in week 1", **figures)
    if last > first:
        return t("{share} of the class was active in week {week}, up from {first} in week 1", **figures)
    return t("{share} of the class was active in week {week}, down from {first} in week 1", **figures)


def _whole_list(ranked: pl.DataFrame) -> None:
    page.section(
        t("Every student of the class"),
        t("Ranked by need. Risk is the model's estimate of failing or leaving."),
    )
    shown = ranked.with_columns(
        pl.when(pl.col("is_at_risk")).then(pl.lit(t("On the list"))).otherwise(pl.lit("")).alias("listed"),
        (100 * pl.col("risk")).alias("risk_pct"),
        (100 * pl.col("risk_change")).round(0).cast(pl.Int64).alias("change_pct"),
        pl.concat_str(["reason_1", "reason_2", "reason_3"], separator="; ", ignore_nulls=True).alias(
            "reasons"
        ),
    )
    tables.table(
        shown,
        {
            "place": t("Place"),
            "display_name": t("Student"),
            "listed": t("List"),
            "risk_pct": t("Risk (%)"),
            "change_pct": t("Change"),
            "reasons": t("Why"),
            "last_active_date": t("Last active"),
        },
        file_name="students-by-need",
        config={
            t("Risk (%)"): st.column_config.ProgressColumn(
                min_value=0, max_value=100, format="%.0f", width="small"
            ),
            t("Change"): st.column_config.NumberColumn(
                format="%+d", width="small", help=t("In percentage points since the week before")
            ),
            t("Place"): st.column_config.NumberColumn(width=60),
            t("Why"): st.column_config.TextColumn(width="large"),
        },
        alt=t("All students of the class ranked by risk"),
    )
    page.how_worked_out(
        t(
            "Worked out from what was known at the end of week {week}: activity, answers, results, deadlines and "
            "attendance up to then, never anything later. It is a reason to ask, not a verdict: you know what the model "
            "doesn't.",
            week=ranked["week_index"][0],
        )
        + "\n\n"
        + notes.definitions(
            **{
                t("Risk"): "prd_risk.risk",
                t("Place"): "prd_risk.risk_rank",
                t("On the list"): "prd_risk.is_at_risk",
                t("Why"): "prd_risk.reason_1",
                t("Change"): "prd_risk.risk_previous",
            }
        )
    )
