"""What the models cost: fitting and scoring mastery, one answer, training and scoring risk. `python -m benchmarks.models`.

With the public data (LEARNLAKE_DATA_DIR, or ../shared/data) mastery is also fitted on ASSISTments 2009, beside pyBKT in the same run.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from models import mastery, risk
from models.mastery.bkt import fit
from models.mastery.response_files import read_responses
from tests.models.attempts import draw_attempts
from tests.models.weeks import AS_OF, draw_school
from tests.scale import data_dir

PAIRS = 1_000_000
PURE_PYTHON_ROWS = 3_000
"""What pyBKT is given where it has its pure-Python core only, which takes minutes on the whole."""


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
    _on_assistments()
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


def _on_assistments() -> None:
    """All skills of ASSISTments 2009, five starts each, with processor time; then pyBKT and ours on the same rows, one start."""
    place = data_dir()
    if place is None:
        print("mastery: no public data (set LEARNLAKE_DATA_DIR), so not beside pyBKT")
        return
    attempts = read_responses(place / "kt" / "assistments2009_gervet.parquet").attempts
    started = time.process_time()
    _timed(f"mastery: fit, ASSISTments 2009, {len(attempts):,} answers, 5 starts", lambda: fit(attempts))
    print(f"{'  of which processor':<52} {(time.process_time() - started) * 1000:12.3f} ms")
    core = mastery.bkt_core().pybkt
    rows = attempts if core == "C++ core" else attempts.head(PURE_PYTHON_ROWS)
    _timed(f"mastery: fit, {len(rows):,} of them, 1 start", lambda: fit(rows, starts=1))
    _timed(f"pyBKT ({core}): fit, the same {len(rows):,}, 1 start", lambda: _fit_pybkt(rows))


def _fit_pybkt(attempts: pl.DataFrame) -> object:
    from pyBKT.models import Model

    frame = attempts.select(
        order_id=pl.int_range(pl.len()),
        user_id="person_key",
        skill_name="skill_key",
        correct=pl.col("is_correct").cast(pl.Int64),
    )
    return Model(seed=1, num_fits=1, parallel=False).fit(data=frame.to_pandas())


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
