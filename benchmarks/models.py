"""What the models cost: fitting and scoring mastery, one answer, training and scoring risk. `python -m benchmarks.models`."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from models import mastery, risk
from models.mastery.bkt import fit
from tests.models.attempts import draw_attempts
from tests.models.weeks import AS_OF, draw_school

PAIRS = 1_000_000


def _timed(name: str, work: Callable[[], object], *, per: int = 1) -> object:
    started = time.perf_counter()
    result = work()
    print(f"{name:<52} {(time.perf_counter() - started) / per * 1000:12.3f} ms", flush=True)
    return result


def main() -> None:
    """Print one line per measurement. Compiles the core first, and says how long that took."""
    attempts = draw_attempts(students=2000)
    _timed("mastery: first fit in this process (compiled or loaded)", lambda: fit(attempts.head(100)))
    model = _timed(f"mastery: fit, {len(attempts):,} answers, 5 starts", lambda: fit(attempts))
    assert isinstance(model, mastery.MasteryModel)
    _timed(
        "mastery: one answer", lambda: [model.update("skill-a", 0.4, True) for _ in range(10_000)], per=10_000
    )
    pairs = _pairs()
    _timed(
        f"mastery: score {PAIRS:,} (student, skill) pairs", lambda: model.score(pairs, dt.date(2026, 12, 31))
    )
    weeks, outcomes, sessions = draw_school(sections=6, students=120)
    trained = _timed(
        f"risk: train, {len(weeks):,} student-weeks", lambda: risk.train(weeks, outcomes, sessions)
    )
    assert isinstance(trained, risk.RiskModel)
    _timed("risk: score the newest week of 18 sections", lambda: trained.score(weeks, AS_OF))


def _pairs() -> pl.DataFrame:
    """One million sequences of three answers each."""
    draw = np.random.default_rng(0)
    count = 3 * PAIRS
    person = np.arange(count) // 30
    return pl.DataFrame({"person": person, "skill": np.arange(count) // 3 % 10}).select(
        tenant=pl.lit("t"),
        person_key=pl.format("p_{}", "person"),
        school_key=pl.lit("s"),
        section_key=pl.lit("c"),
        course_key=pl.lit("c"),
        skill_key=pl.format("skill-{}", "skill"),
        activity_key=pl.format("skill-{}-item-{}", "skill", pl.int_range(pl.len()) % 20),
        is_correct=pl.Series(draw.random(count) < 0.7),
        responded_at=pl.lit(dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        response_number=pl.int_range(1, pl.len() + 1).over("person"),
    )


if __name__ == "__main__":
    main()
