"""A quick quiz and flashcards from the student's own weak skills. Answers go to the Learning Record Store and move mastery at once."""

from __future__ import annotations

import dataclasses
import html
import time

import streamlit as st

from dashboards import words
from dashboards.components import page, states
from dashboards.student import live_mastery, recording
from dashboards.student.questions import Question, question
from dashboards.visit import Visit
from learnlake.clock import utc_now
from learnlake.errors import DeliveryError, LearnlakeError, ModelError
from models.live import Answer

t, tn = words.room(__name__)
LENGTH = 5
"""Questions of one quiz: some minutes."""
CANDIDATES = 24
_WEAK = """
with weak as (
    select m.skill_key, m.mastery, m.section_key, s.title as skill, c.course_key
    from prd_mastery m
    join dim_skill s on s.skill_key = m.skill_key and not s.is_combination
    join dim_class c on c.section_key = m.section_key
    where m.person_key = $person and not m.is_mastered
),
single as (
    select activity_key, any_value(skill_key) as skill_key
    from brg_activity_skill
    group by activity_key
    having count(*) = 1
),
answered as (
    select activity_key, arg_max(is_correct, responded_at) as was_right
    from fct_attempt
    where person_key = $person
    group by activity_key
)
select a.activity_key, a.iri, a.title, w.skill_key, w.skill, w.section_key
from weak w
join single on single.skill_key = w.skill_key
join dim_activity a on a.activity_key = single.activity_key and a.course_key = w.course_key
left join answered on answered.activity_key = a.activity_key
where a.type like '%interaction'
qualify row_number() over (
    partition by w.skill_key order by coalesce(answered.was_right::int, 0), answered.was_right is null, a.activity_key
) <= 4
order by coalesce(answered.was_right::int, 0), answered.was_right is null, w.mastery, a.activity_key
limit $limit
"""
_GENERATED = "select coalesce(bool_or(is_generated), false) from dim_person where person_key = $person"


@dataclasses.dataclass
class Card:
    """One question of a quiz, what was answered, and what the answer moved."""

    iri: str
    activity_key: str
    skill_key: str
    skill: str
    section_key: str
    asked: Question
    shown_at: float = 0.0
    is_right: bool | None = None
    told: str = ""


def render(visit: Visit) -> None:
    """The page: what it asks, then the quiz or the cards."""
    page.header(
        visit,
        t("Practise"),
        t("Answer five questions on what you have not mastered yet. Each answer moves your mastery at once."),
    )
    held: list[Card] = st.session_state.get("quiz", [])
    if not held:
        _begin(visit)
        return
    kinds = {"quiz": t("Quiz"), "cards": t("Flashcards")}
    kind = st.segmented_control(
        t("How"),
        list(kinds),
        default="quiz",
        required=True,
        format_func=kinds.__getitem__,
        key="quiz_kind",
    )
    if kind == "cards":
        _flashcards(held)
    else:
        _ask(visit, held)


def _begin(visit: Visit) -> None:
    weak = visit.rows(_WEAK, {"person": visit.me, "limit": CANDIDATES})
    if weak.is_empty():
        states.empty(
            t("Nothing to practise here"),
            t(
                "Questions appear when you have answered some in a course and have not mastered all of its skills."
            ),
        )
        return
    if not st.button(t("Begin"), type="primary", key="quiz_begin"):
        st.caption(tn("{count} question is waiting.", "{count} questions are waiting.", weak.height))
        return
    with st.spinner(t("Looking for your questions")):
        try:
            cards, silent = _cards(visit, weak.rows(named=True))
        except LearnlakeError:
            st.error(
                t(
                    "The questions could not be fetched just now. Nothing of yours is lost: try again in a minute."
                ),
                icon=":material/cloud_off:",
            )
            return
    if not cards:
        states.empty(
            t("None of these questions can be asked here"),
            tn(
                "The learning system has told the answer to {count} question, but not what it asks. Practise it there.",
                "The learning system has told the answers to {count} questions, but not what they ask. Practise them there.",
                silent,
            ),
        )
        return
    st.session_state["quiz"] = cards
    st.rerun()


def _cards(visit: Visit, weak: list[dict]) -> tuple[list[Card], int]:
    """Up to LENGTH questions whose content is known, and how many of those looked at lack it."""
    languages = [words.current().language, words.SOURCE]
    cards: list[Card] = []
    silent = 0
    for start in range(0, len(weak), LENGTH):
        rows = weak[start : start + LENGTH]
        found = recording.definitions(visit, [row["iri"] for row in rows])
        for row in rows:
            asked = question(found[row["iri"]], languages)
            if asked is None:
                silent += 1
            elif len(cards) < LENGTH:
                keys = ("iri", "activity_key", "skill_key", "skill", "section_key")
                cards.append(Card(**{key: row[key] for key in keys}, asked=asked))
        if len(cards) == LENGTH:
            break
    return cards, silent


def _ask(visit: Visit, cards: list[Card]) -> None:
    number = next((n for n, card in enumerate(cards) if card.is_right is None), len(cards))
    if number and (number == len(cards) or st.session_state.get("quiz_seen") != number):
        _answered(cards[number - 1], number, len(cards))
        if number < len(cards):
            if st.button(t("Next question"), type="primary"):
                st.session_state["quiz_seen"] = number
                st.rerun()
            return
    if number == len(cards):
        _result(cards)
        return
    card = cards[number]
    card.shown_at = card.shown_at or time.monotonic()
    page.section(t("Question {number} of {count}", number=number + 1, count=len(cards)), card.skill)
    with st.form(f"quiz_{number}", border=True):
        answer = _field(card.asked, number)
        is_sent = st.form_submit_button(t("Answer"), type="primary")
    if not is_sent:
        return
    if not answer:
        st.warning(t("Choose or write an answer first."), icon=":material/edit:")
        return
    _take(visit, card, answer)


def _field(asked: Question, number: int) -> list[str]:
    key = f"quiz_answer_{number}"
    if not asked.choices:
        text = st.text_input(asked.text, key=key, autocomplete="off")
        return [text.strip()] if text and text.strip() else []
    shown = asked.choices
    if asked.kind == "true-false":
        shown = {"true": t("True"), "false": t("False")}
    if asked.takes_several:
        return list(st.multiselect(asked.text, list(shown), format_func=lambda one: shown[one], key=key))
    chosen = st.radio(asked.text, list(shown), index=None, format_func=lambda one: shown[one], key=key)
    return [chosen] if chosen else []


def _take(visit: Visit, card: Card, answer: list[str]) -> None:
    """Store the answer, then move mastery; an answer that isn't stored counts nowhere."""
    is_right = card.asked.is_right(answer)
    is_generated = bool(visit.rows(_GENERATED, {"person": visit.me}).item())
    try:
        statement_id = recording.record(
            visit,
            iri=card.iri,
            section_key=card.section_key,
            skill_key=card.skill_key,
            response=card.asked.response(answer),
            is_right=is_right,
            seconds=time.monotonic() - card.shown_at,
            is_generated=is_generated,
        )
    except DeliveryError:
        st.error(
            t("Your answer could not be stored, so it does not count yet. Press Answer again in a minute."),
            icon=":material/cloud_off:",
        )
        return
    except LearnlakeError as error:
        st.error(error.what, icon=":material/error:")
        return
    card.told = _moved(
        visit, Answer(statement_id, card.skill_key, card.activity_key, is_right, utc_now()), card.skill
    )
    card.is_right = is_right
    st.rerun()


def _moved(visit: Visit, answer: Answer, skill: str) -> str:
    try:
        before, after = live_mastery.take(visit, answer)
    except ModelError:
        return t("It counts with the next update: no mastery model is in force yet.")
    shares = {"before": words.percent(before), "after": words.percent(after.mastery)}
    return t("Your mastery of “{skill}” went from {before} to {after}.", skill=skill, **shares)


def _answered(card: Card, number: int, count: int) -> None:
    page.section(t("Question {number} of {count}", number=number, count=count), card.skill)
    chip = page.chip(t("Right"), "fine") if card.is_right else page.chip(t("Not yet"), "watch")
    solution = "" if card.is_right else t("The answer: {solution}", solution=card.asked.solution)
    st.html(
        f'<p role="status">{chip} {html.escape(card.asked.text)}<br><b>{html.escape(solution)}</b><br>'
        f"{html.escape(card.told)}</p>"
    )


def _result(cards: list[Card]) -> None:
    right = sum(bool(card.is_right) for card in cards)
    page.section(t("{right} of {count} right", right=right, count=len(cards)))
    if st.button(t("New quiz"), type="primary"):
        _forget(len(cards))
        st.rerun()


def _forget(count: int) -> None:
    for key in ("quiz", "quiz_seen", *(f"quiz_answer_{number}" for number in range(count))):
        st.session_state.pop(key, None)


def _flashcards(cards: list[Card]) -> None:
    """Question in front, answer behind. Turning a card is no answer, and counts nowhere."""
    st.caption(
        t("Turn a card when you have said the answer to yourself. Nobody is told, and nothing counts.")
    )
    for card in cards:
        with st.container(border=True):
            st.text(card.asked.text)
            st.caption(card.skill)
            with st.expander(t("Turn")):
                st.text(card.asked.solution)
