"""Bayesian knowledge tracing: fitting, the fitted model, one answer at a time, and scoring of whole tables.

Corbett and Anderson (1995). Mastery shown to people comes from the variant without forgetting: a right answer then never
lowers it, and it can reach the threshold. Splitting and judging are in `evaluate`, the loops in `em`.
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
from models.frames import one_tenant
from models.mastery.sequences import Sequences, sequences, usable_attempts

STARTS = 5
TOLERANCE = 0.005
"""Log-likelihood per skill at which EM stops: pyBKT's default."""
MAX_ITERATIONS = 100
POOLING = 5.0
"""How many answers' worth of the whole table each parameter of a skill starts with: a skill with a handful of answers
stays near the whole, one with hundreds is its own."""
_SEED = 20090907


class SkillParameters(NamedTuple):
    """Probabilities: known before practice, learned by one opportunity, forgotten by one, guessed, slipped."""

    prior: float
    learn: float
    forget: float
    guess: float
    slip: float


@dataclasses.dataclass
class MasteryModel:
    """A fitted BKT. `whole` stands in for skills that had no answers when it was fitted."""

    kind: ClassVar[str] = "mastery"

    skills: dict[str, SkillParameters]
    whole: SkillParameters
    tenant: str
    forgets: bool = False
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    card: dict[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "mastery"
    version: str = "unregistered"

    def parameters(self, skill_key: str) -> SkillParameters:
        return self.skills.get(skill_key, self.whole)

    def start(self, skill_key: str) -> float:
        """Mastery before the first answer."""
        return self.parameters(skill_key).prior

    def predict(self, skill_key: str, mastery: float) -> float:
        """Probability that the next response on the skill is right."""
        p = self.parameters(skill_key)
        return mastery * (1 - p.slip) + (1 - mastery) * p.guess

    def update(self, skill_key: str, mastery: float, is_correct: bool) -> float:
        """Mastery after one more answer: Bayes' rule, then one opportunity to learn. Constant time."""
        p = self.parameters(skill_key)
        right = self.predict(skill_key, mastery)
        if is_correct:
            known = mastery * (1 - p.slip) / right if right > 0 else mastery
        else:
            known = mastery * p.slip / (1 - right) if right < 1 else mastery
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
        predicted, mastery = filter_sequences(
            found.answers, found.starts, np.ascontiguousarray(table[found.skill_of_sequence])
        )
        return predicted, mastery

    def save(self, folder: Path) -> None:
        """Write the parameters as JSON; numbers keep every digit."""
        content = {
            "tenant": self.tenant,
            "forgets": self.forgets,
            "whole": self.whole,
            "skills": self.skills,
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
            **content,
        )


def fit(
    attempts: pl.DataFrame,
    *,
    forgets: bool = False,
    starts: int = STARTS,
    pooling: float = POOLING,
    tenant: str = "",
) -> MasteryModel:
    """Fit every skill of `attempts` (usable ones) by EM; several starts, skills with few answers drawn to the whole."""
    from models.mastery.em import MAX_GUESS_PLUS_SLIP, fit_skills

    found = sequences(attempts)
    if not len(found.rows):
        raise ModelError(
            "There are no answers with a skill to learn mastery from",
            mend="send item responses whose statements name skills (docs/xapi-profile.md), then train again",
        )
    initial = _starting_points(starts, forgets=forgets)
    everything = np.array([0, len(found.starts) - 1], dtype=np.int64)
    limits = (TOLERANCE, MAX_ITERATIONS, MAX_GUESS_PLUS_SLIP)
    whole = fit_skills(found.answers, found.starts, everything, initial, np.zeros(10), *limits)[0][0]
    pseudo = np.column_stack([whole, 1 - whole]).ravel() * pooling
    if not forgets:
        pseudo[4:6] = 0.0
    table = fit_skills(found.answers, found.starts, found.skill_starts, initial, pseudo, *limits)[0]
    return MasteryModel(
        skills={
            skill: SkillParameters(*row) for skill, row in zip(found.skills, table.tolist(), strict=True)
        },
        whole=SkillParameters(*whole.tolist()),
        tenant=tenant,
        forgets=forgets,
    )


def _starting_points(count: int, *, forgets: bool) -> NDArray[np.float64]:
    """`count` starting points: a usual one, then random ones over the ranges that pyBKT draws from."""
    draw = np.random.default_rng(_SEED).random((count, 5)) * np.array([1.0, 0.4, 0.1, 0.4, 0.3])
    draw[0] = (0.4, 0.1, 0.02, 0.2, 0.1)
    if not forgets:
        draw[:, 2] = 0.0
    return draw


def train(attempts: Any, *, forgets: bool = False) -> MasteryModel:
    """A model of all of one tenant's `attempts`, with `metrics` from held-out students (five folds) and its card's facts.

    Raises ModelError where no answer names a skill, InputError where a column is missing or tenants are mixed.
    """
    from models.mastery.evaluate import evaluate

    usable = usable_attempts(attempts)
    tenant = one_tenant(usable, name="fct_attempt")
    model = fit(usable, forgets=forgets, tenant=tenant)
    if usable["person_key"].n_unique() > 1:
        held_out = evaluate(usable, variants={"held_out": forgets})
        model.metrics = {
            key: value
            for key, value in held_out.drop("model", "split").row(0, named=True).items()
            if value is not None
        }
    model.card = _card_facts(usable, model)
    return model


def _card_facts(attempts: pl.DataFrame, model: MasteryModel) -> dict[str, Any]:
    responded = attempts["responded_at"]
    return {
        "title": "Mastery of skills (Bayesian knowledge tracing)",
        "intended_use": "Shows a student, the guardians and the teachers which skills are likely mastered, and feeds the choice "
        "of the next activity. Not for marks, certificates or any decision about a person without a teacher.",
        "limits": "Knows right and wrong answers only, in their order; assumes that skills are independent and that all students "
        "of a skill share its parameters. A combination of skills is judged as a skill of its own. "
        f"Skills with few answers are drawn towards the whole ({POOLING:g} answers' worth).",
        "data": {
            "tenant": model.tenant,
            "answers": len(attempts),
            "students": attempts["person_key"].n_unique(),
            "skills": len(model.skills),
            "first_answer": str(responded.min()),
            "last_answer": str(responded.max()),
        },
        "parameters": {
            "forgets": model.forgets,
            "starts": STARTS,
            "tolerance": TOLERANCE,
            "max_iterations": MAX_ITERATIONS,
            "pooling": POOLING,
            "seed": _SEED,
        },
        "evaluation": "Five folds by student (a hash of person_key), each response predicted from the same student's earlier ones.",
        "sensitive_attributes": "None are used.",
    }
