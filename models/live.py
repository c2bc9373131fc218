"""Mastery between two builds: answers that the marts do not have yet move the published estimate, one at a time.

Held in memory only: the record of an answer is its statement in the LRS. Who may ask is the API's business.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from models.mastery import MasteryModel

KEEP = dt.timedelta(hours=24)
"""An answer whose statement never reached the marts is forgotten after this long."""
LIVE_ANSWERS_MAX = 10_000
"""Answers of one person that are held at most: far more than anybody gives between two builds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One response to an item of a skill, `at` when it reached us. `statement_id` is that of its statement in the LRS."""

    statement_id: str
    skill_key: str
    activity_key: str | None
    is_correct: bool
    at: dt.datetime


@dataclasses.dataclass(slots=True)
class Estimate:
    """Mastery of one skill with what it rests on. `keys` are the guard keys of the person's row."""

    skill_key: str
    mastery: float
    opportunity_count: int
    correct_count: int
    last_attempt_at: dt.datetime | None
    keys: Mapping[str, Any]


@dataclasses.dataclass(slots=True)
class Person:
    """One person's estimates: those of the build `build_id` by model `version`, moved by `pending` answers."""

    build_id: str
    version: str
    estimates: dict[str, Estimate]
    pending: dict[str, Answer]

    def take(self, model: MasteryModel, answer: Answer, keys: Mapping[str, Any]) -> Estimate:
        """The estimate after `answer`, in constant time. The same statement twice counts once."""
        if answer.statement_id in self.pending:
            return self.estimates[self.pending[answer.statement_id].skill_key]
        self.pending[answer.statement_id] = answer
        return move(self.estimates, model, answer, keys)


def move(
    estimates: dict[str, Estimate], model: MasteryModel, answer: Answer, keys: Mapping[str, Any]
) -> Estimate:
    """`estimates` with one more answer; a skill without one begins at the model's start."""
    skill = answer.skill_key
    held = estimates.get(skill)
    if held is None:
        held = estimates[skill] = Estimate(skill, model.start(skill), 0, 0, None, keys)
    held.mastery = model.update(skill, held.mastery, answer.is_correct, answer.activity_key)
    held.opportunity_count += 1
    held.correct_count += answer.is_correct
    held.last_attempt_at = answer.at
    return held


def published(rows: Iterable[Mapping[str, Any]], keys: Collection[str]) -> dict[str, Estimate]:
    """Estimates as rows of `prd_mastery` tell them."""
    return {
        row["skill_key"]: Estimate(
            row["skill_key"],
            row["mastery"],
            row["opportunity_count"],
            row["correct_count"],
            row["last_attempt_at"],
            {key: row[key] for key in keys},
        )
        for row in rows
    }


def replayed(
    model: MasteryModel, attempts: Iterable[Mapping[str, Any]], keys: Collection[str]
) -> dict[str, Estimate]:
    """Estimates by `model` from one person's rows of `fct_attempt` in order: for rows that another version scored."""
    estimates: dict[str, Estimate] = {}
    for row in attempts:
        answer = Answer(
            row["statement_id"], row["skill_key"], row["activity_key"], row["is_correct"], row["responded_at"]
        )
        move(estimates, model, answer, {}).keys = {key: row[key] for key in keys}
    return estimates


def still_pending(pending: Iterable[Answer], arrived: Collection[str], now: dt.datetime) -> list[Answer]:
    """Those answers whose statements are not among `arrived` and that are not too old, in their order."""
    return [a for a in pending if a.statement_id not in arrived and a.at > now - KEEP]


def told(model: MasteryModel, estimate: Estimate, *, mastery_threshold: float) -> dict[str, Any]:
    """An estimate as people are told it: how sure it is, what one more answer would do, and why it stands where it stands.

    `uncertainty` is the standard deviation of "knows it": 0 is certain, .5 is anybody's guess.
    """
    skill, mastery = estimate.skill_key, estimate.mastery
    count, correct = estimate.opportunity_count, estimate.correct_count
    return {
        "skill_key": skill,
        "mastery": mastery,
        "uncertainty": math.sqrt(mastery * (1 - mastery)),
        "if_next_right": model.update(skill, mastery, True),
        "if_next_wrong": model.update(skill, mastery, False),
        "is_mastered": mastery >= mastery_threshold,
        "opportunity_count": count,
        "correct_count": correct,
        "last_attempt_at": _utc(estimate.last_attempt_at),
        "reason": _reason(model, estimate, mastery_threshold),
        **estimate.keys,
    }


def _utc(time: dt.datetime | None) -> str | None:
    """ISO 8601 with the zone that the marts leave out."""
    return None if time is None else time.replace(tzinfo=dt.UTC).isoformat()


def _reason(model: MasteryModel, estimate: Estimate, threshold: float) -> str:
    count, start = estimate.opportunity_count, model.start(estimate.skill_key)
    if not count:
        return f"Nobody has seen an answer yet; learners usually begin at {start:.0%}."
    moved = "risen" if estimate.mastery > start else "fallen"
    needed = _right_answers_needed(model, estimate, threshold)
    ahead = {0: "mastered", 1: "one more right answer would master it"}.get(
        needed, f"{needed} right answers in a row would master it"
    )
    if needed > _AHEAD:
        ahead = "mastery is far off"
    return f"{estimate.correct_count} of {count} answers right; {moved} from {start:.0%} to {estimate.mastery:.1%}; {ahead}."


_AHEAD = 10


def _right_answers_needed(model: MasteryModel, estimate: Estimate, threshold: float) -> int:
    """Right answers in a row until the threshold; _AHEAD + 1 for more than _AHEAD."""
    mastery = estimate.mastery
    for needed in range(_AHEAD + 1):
        if mastery >= threshold:
            return needed
        mastery = model.update(estimate.skill_key, mastery, True)
    return _AHEAD + 1
