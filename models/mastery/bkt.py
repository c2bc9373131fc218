"""Bayesian knowledge tracing: fitting, the fitted model, one answer at a time, and scoring of whole tables.

Corbett and Anderson (1995); a guess and a slip for each item by Pardos and Heffernan (2011). Mastery shown to people comes
from the variant without forgetting: a right answer then never lowers it, and it can reach the threshold. Training with its
judging and card is in `train`, the loops in `em`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learnlake.errors import ModelError
from models.mastery.folds import folds
from models.mastery.sequences import Sequences, sequences, usable_attempts
from models.metrics import log_loss

STARTS = 5
TOLERANCE = 0.005
"""Log-likelihood per skill at which EM stops: pyBKT's default."""
MAX_ITERATIONS = 100
POOLING = 5.0
"""How many answers' worth of the whole table each parameter of a skill starts with: a skill with a handful of answers
stays near the whole, one with hundreds is its own."""
SHRINKAGES = (2.0, 5.0, 10.0, 20.0)
"""How many answers' worth of its skill an item's guess and slip start with: the best of these on held-out training students."""
SEED = 20090907


class Emission(NamedTuple):
    """Probabilities of a right answer without knowing, and of a wrong one in spite of knowing."""

    guess: float
    slip: float


class SkillParameters(NamedTuple):
    """Probabilities: known before practice, learned by one opportunity, forgotten by one, guessed, slipped."""

    prior: float
    learn: float
    forget: float
    guess: float
    slip: float


@dataclasses.dataclass
class MasteryModel:
    """A fitted BKT. `whole` stands in for skills that had no answers when it was fitted, a skill for its unknown items."""

    kind: ClassVar[str] = "mastery"

    skills: dict[str, SkillParameters]
    whole: SkillParameters
    tenant: str
    forgets: bool = False
    items: dict[str, dict[str, Emission]] = dataclasses.field(default_factory=dict)
    """By skill and activity; empty where items are not told apart."""
    shrinkage: float | None = None
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    card: dict[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "mastery"
    version: str = "unregistered"

    def parameters(self, skill_key: str) -> SkillParameters:
        return self.skills.get(skill_key, self.whole)

    def start(self, skill_key: str) -> float:
        """Mastery before the first answer."""
        return self.parameters(skill_key).prior

    def emission(self, skill_key: str, activity_key: str | None = None) -> Emission:
        """Guess and slip of the item, or of its skill."""
        of_skill = self.parameters(skill_key)
        own = self.items.get(skill_key, {}).get(activity_key) if activity_key is not None else None
        return own or Emission(of_skill.guess, of_skill.slip)

    def predict(self, skill_key: str, mastery: float, activity_key: str | None = None) -> float:
        """Probability that the next response on the skill, to that item if one is named, is right."""
        guess, slip = self.emission(skill_key, activity_key)
        return mastery * (1 - slip) + (1 - mastery) * guess

    def update(
        self, skill_key: str, mastery: float, is_correct: bool, activity_key: str | None = None
    ) -> float:
        """Mastery after one more answer: Bayes' rule, then one opportunity to learn. Constant time."""
        p = self.parameters(skill_key)
        slip = self.emission(skill_key, activity_key).slip
        right = self.predict(skill_key, mastery, activity_key)
        if is_correct:
            known = mastery * (1 - slip) / right if right > 0 else mastery
        else:
            known = mastery * slip / (1 - right) if right < 1 else mastery
        return min(1.0, known * (1 - p.forget) + (1 - known) * p.learn)

    def predict_responses(self, attempts: Any) -> pl.DataFrame:
        """`attempts` with `predicted`, the probability of a right answer given the person's earlier responses only."""
        found = sequences(usable_attempts(attempts))
        return found.rows.with_columns(predicted=pl.Series(self._filter(found)[0], dtype=pl.Float64))

    def score(self, attempts: Any, as_of: dt.date, *, mastery_threshold: float = 0.95) -> pl.DataFrame:
        """Rows of `prd_mastery` from the answers given up to the end of `as_of` (UTC).

        Persons are independent: scoring the attempts of some persons gives the same rows as scoring all.
        """
        usable = usable_attempts(attempts).filter(pl.col("responded_at").dt.date() <= as_of)
        found = sequences(usable)
        masteries = self._filter(found)[1]
        first, after = found.starts[:-1], found.starts[1:]
        right = np.concatenate([[0], np.cumsum(found.answers, dtype=np.int64)])
        keys = ["tenant", "person_key", "school_key", "section_key", "course_key", "skill_key"]
        last = found.rows.select(*keys, last_attempt_at="responded_at")[after - 1]
        return last.select(
            *keys,
            mastery=pl.Series(masteries, dtype=pl.Float64),
            is_mastered=pl.Series(masteries >= mastery_threshold, dtype=pl.Boolean),
            opportunity_count=pl.Series(after - first, dtype=pl.Int64),
            correct_count=pl.Series(right[after] - right[first], dtype=pl.Int64),
            last_attempt_at="last_attempt_at",
            model_name=pl.lit(self.name),
            model_version=pl.lit(self.version),
            as_of=pl.lit(as_of, dtype=pl.Date),
        ).sort("person_key", "skill_key")

    def _filter(self, found: Sequences) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from models.mastery.em import filter_sequences

        table = np.array([self.parameters(skill) for skill in found.skills], dtype=float).reshape(-1, 5)
        emission = np.array([self.emission(*item) for item in found.item_table.iter_rows()], dtype=float)
        return filter_sequences(
            found.answers,
            found.starts,
            np.ascontiguousarray(table[found.skill_of_sequence]),
            emission.reshape(-1, 2)[found.items],
        )

    def save(self, folder: Path) -> None:
        """Write the parameters as JSON; numbers keep every digit."""
        content = {
            "tenant": self.tenant,
            "forgets": self.forgets,
            "whole": self.whole,
            "skills": self.skills,
            "items": self.items,
            "shrinkage": self.shrinkage,
            "metrics": self.metrics,
            "card": self.card,
        }
        (folder / "mastery.json").write_text(json.dumps(content))

    @classmethod
    def load(cls, folder: Path) -> MasteryModel:
        content = json.loads((folder / "mastery.json").read_text())
        return cls(
            skills={skill: SkillParameters(*values) for skill, values in content.pop("skills").items()},
            whole=SkillParameters(*content.pop("whole")),
            items={
                skill: {activity: Emission(*values) for activity, values in of_skill.items()}
                for skill, of_skill in content.pop("items").items()
            },
            **content,
        )


def fit(
    attempts: pl.DataFrame,
    *,
    forgets: bool = False,
    by_item: bool = False,
    starts: int = STARTS,
    pooling: float = POOLING,
    shrinkage: float | None = None,
    tenant: str = "",
) -> MasteryModel:
    """Fit every skill of `attempts` (usable ones) by EM; several starts, skills with few answers drawn to the whole.

    `by_item` tells the items of a skill apart. How far each is drawn to its skill is `shrinkage`, or chosen among `attempts` alone.
    """
    found = sequences(attempts)
    if not len(found.rows):
        raise ModelError(
            "There are no answers with a skill to learn mastery from",
            mend="send item responses whose statements name skills (docs/xapi-profile.md), then train again",
        )
    model = _fit_skills(found, forgets=forgets, starts=starts, pooling=pooling)
    model.tenant = tenant
    if by_item and attempts["activity_key"].null_count() < len(attempts):
        chosen = shrinkage or _shrinkage(attempts, model, pooling=pooling)
        _fit_items(model, found, pooling=pooling, shrinkage=chosen)
    return model


def _fit_skills(found: Sequences, *, forgets: bool, starts: int, pooling: float) -> MasteryModel:
    from models.mastery.em import MAX_GUESS_PLUS_SLIP, fit_skills

    initial = _starting_points(starts, forgets=forgets)
    everything = np.array([0, len(found.starts) - 1], dtype=np.int64)
    limits = (TOLERANCE, MAX_ITERATIONS, MAX_GUESS_PLUS_SLIP)
    whole = fit_skills(found.answers, found.starts, everything, initial, np.zeros(10), *limits, True)[0][0]
    pseudo = _pseudo_counts(whole, pooling=pooling, forgets=forgets)
    table = fit_skills(found.answers, found.starts, found.skill_starts, initial, pseudo, *limits, True)[0]
    return MasteryModel(
        skills={
            skill: SkillParameters(*row) for skill, row in zip(found.skills, table.tolist(), strict=True)
        },
        whole=SkillParameters(*whole.tolist()),
        tenant="",
        forgets=forgets,
    )


def _fit_items(model: MasteryModel, found: Sequences, *, pooling: float, shrinkage: float) -> None:
    """Go on from a fitted `model` with a guess and a slip for each item of `found`."""
    from models.mastery.em import MAX_GUESS_PLUS_SLIP, fit_items

    table, emission = fit_items(
        found.answers,
        found.items,
        found.starts,
        found.skill_starts,
        found.item_starts,
        np.array([model.parameters(skill) for skill in found.skills], dtype=float),
        _pseudo_counts(np.array(model.whole), pooling=pooling, forgets=model.forgets),
        np.where(found.item_table["activity_key"].is_null().to_numpy(), np.inf, shrinkage),
        TOLERANCE,
        MAX_ITERATIONS,
        MAX_GUESS_PLUS_SLIP,
    )
    for skill, row in zip(found.skills, table.tolist(), strict=True):
        model.skills[skill] = SkillParameters(*row)
    model.shrinkage = shrinkage
    model.items = {}
    for (skill, activity), of_item in zip(found.item_table.iter_rows(), emission.tolist(), strict=True):
        if activity is not None:
            model.items.setdefault(skill, {})[activity] = Emission(*of_item)


def _shrinkage(attempts: pl.DataFrame, start: MasteryModel, *, pooling: float) -> float:
    """The shrinkage that predicts one fifth of the students best when the others are fitted with it."""
    is_held_out = folds(attempts, salt="shrinkage ") == 0
    fitted, held_out = sequences(attempts.filter(~is_held_out)), attempts.filter(is_held_out)
    if not len(fitted.rows) or not len(held_out):
        return SHRINKAGES[1]
    losses = []
    for shrinkage in SHRINKAGES:
        model = dataclasses.replace(start, skills=dict(start.skills))
        _fit_items(model, fitted, pooling=pooling, shrinkage=shrinkage)
        rows = model.predict_responses(held_out)
        losses.append(log_loss(rows["is_correct"].cast(pl.Float64).to_numpy(), rows["predicted"].to_numpy()))
    return SHRINKAGES[int(np.argmin(losses))]


def _pseudo_counts(whole: NDArray[np.float64], *, pooling: float, forgets: bool) -> NDArray[np.float64]:
    """Counts that draw a skill to the whole table: hit and miss of each of the five parameters."""
    pseudo = np.column_stack([whole, 1 - whole]).ravel() * pooling
    if not forgets:
        pseudo[4:6] = 0.0
    return pseudo


def _starting_points(count: int, *, forgets: bool) -> NDArray[np.float64]:
    """`count` starting points: a usual one, then random ones over the ranges that pyBKT draws from."""
    draw = np.random.default_rng(SEED).random((count, 5)) * np.array([1.0, 0.4, 0.1, 0.4, 0.3])
    draw[0] = (0.4, 0.1, 0.02, 0.2, 0.1)
    if not forgets:
        draw[:, 2] = 0.0
    return draw
