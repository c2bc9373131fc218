"""Training mastery: a model of one tenant's answers, judged on held-out students, with its card."""

from __future__ import annotations

from typing import Any

import polars as pl

from models.frames import one_tenant
from models.mastery.bkt import (
    MAX_ITERATIONS,
    POOLING,
    SEED,
    STARTS,
    TOLERANCE,
    MasteryModel,
    fit,
)
from models.mastery.evaluate import evaluate
from models.mastery.sequences import usable_attempts


def train(attempts: Any, *, forgets: bool = False, by_item: bool = True) -> MasteryModel:
    """A model of all of one tenant's `attempts`, with `metrics` from held-out students (five folds) and its card's facts.

    Raises ModelError where no answer names a skill, InputError where a column is missing or tenants are mixed.
    """
    usable = usable_attempts(attempts)
    tenant = one_tenant(usable, name="fct_attempt")
    model = fit(usable, forgets=forgets, by_item=by_item, tenant=tenant)
    if usable["person_key"].n_unique() > 1:

        def fit_alike(rows: pl.DataFrame) -> MasteryModel:
            return fit(rows, forgets=forgets, by_item=by_item)

        held_out = evaluate(usable, members={"held_out": fit_alike}).table
        model.metrics = {
            key: value
            for key, value in held_out.filter(split="five folds")
            .drop("model", "split")
            .row(0, named=True)
            .items()
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
        f"Skills with few answers are drawn towards the whole ({POOLING:g} answers' worth), items with few answers towards "
        "their skill.",
        "data": {
            "tenant": model.tenant,
            "answers": len(attempts),
            "students": attempts["person_key"].n_unique(),
            "skills": len(model.skills),
            "items": sum(map(len, model.items.values())),
            "first_answer": str(responded.min()),
            "last_answer": str(responded.max()),
        },
        "parameters": {
            "forgets": model.forgets,
            "starts": STARTS,
            "tolerance": TOLERANCE,
            "max_iterations": MAX_ITERATIONS,
            "pooling": POOLING,
            "shrinkage": model.shrinkage,
            "seed": SEED,
        },
        "evaluation": "Five folds by student (a hash of person_key), each response predicted from the same student's earlier ones.",
        "sensitive_attributes": "None are used.",
    }
