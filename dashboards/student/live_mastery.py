"""The viewer's mastery with the answers given on these pages since the last build, by the model that is in force."""

from __future__ import annotations

import functools
from typing import Any

import streamlit as st

from dashboards.visit import Visit
from learnlake.clock import utc_now
from learnlake.home import Home
from models import live, registry
from models.live import Answer, Estimate, Person
from models.mastery import MasteryModel

GUARDS = ("school_key", "section_key", "course_key")
_ROWS = """
select skill_key, mastery, opportunity_count, correct_count, last_attempt_at, model_version, school_key, section_key, course_key
from prd_mastery where person_key = $person
"""
_ATTEMPTS = """
select statement_id, school_key, section_key, course_key, skill_key, activity_key, is_correct, responded_at
from fct_attempt
where person_key = $person and skill_key is not null and is_correct is not null
order by response_number
"""
_ARRIVED = "select statement_id from fct_statement where person_key = $person and statement_id in (select unnest($ids))"


def take(visit: Visit, answer: Answer) -> tuple[float, Estimate]:
    """(mastery before, estimate after) one more answer. ModelError before the first model was trained."""
    model = _model(visit)
    person = _person(visit, model)
    held = person.estimates.get(answer.skill_key)
    before = held.mastery if held else model.start(answer.skill_key)
    after = person.take(model, answer, dict.fromkeys(GUARDS))
    return before, after


def moved(visit: Visit) -> dict[str, Estimate]:
    """Skills that answers given here have moved since the build; none where nothing was answered."""
    held: Person | None = st.session_state.get("live_mastery")
    if held is None or not held.pending:
        return {}
    person = _person(visit, _model(visit))
    return {one.skill_key: person.estimates[one.skill_key] for one in person.pending.values()}


def _person(visit: Visit, model: MasteryModel) -> Person:
    """The estimates of this build and model; answers that the build does not have yet are counted again on a new one."""
    held: Person | None = st.session_state.get("live_mastery")
    build = visit.build.build_id
    if held is not None and (held.build_id, held.version) == (build, model.version):
        return held
    rows: list[dict[str, Any]] = visit.rows(_ROWS, {"person": visit.me}).rows(named=True)
    if all(row["model_version"] == model.version for row in rows):
        estimates = live.published(rows, GUARDS)
    else:
        attempts = visit.rows(_ATTEMPTS, {"person": visit.me}).rows(named=True)
        estimates = live.replayed(model, attempts, GUARDS)
    made = Person(build, model.version, estimates, {})
    if held is not None and held.pending:
        ids = {"person": visit.me, "ids": list(held.pending)}
        arrived = set(visit.rows(_ARRIVED, ids)["statement_id"])
        for answer in live.still_pending(held.pending.values(), arrived, utc_now()):
            made.take(model, answer, dict.fromkeys(GUARDS))
    st.session_state["live_mastery"] = made
    return made


def _model(visit: Visit) -> MasteryModel:
    home, name = visit.settings.home, registry.model_name("mastery", visit.viewer.tenant)
    stamps = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in registry.pointers(home, name))
    model: MasteryModel = _in_force(str(home.path), name, stamps).of(visit.me)
    return model


@functools.lru_cache(maxsize=8)
def _in_force(home: str, name: str, _stamps: tuple[int, ...]) -> registry.InForce:
    from pathlib import Path

    return registry.in_force(Home(Path(home)), name)
