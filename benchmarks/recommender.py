"""The recommender: what it is worth on the simulator, how often off-policy intervals hold the truth, what a run costs. `python -m benchmarks.recommender`."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from models.mastery import MasteryModel
from models.recommendation import simulator as sim
from models.recommendation import trial
from models.recommendation.policy import Ranked

STUDENTS_PER_COURSE = 300
COURSES = 100
SEEDS = 20


def main() -> None:
    """Print the trial, the share of intervals that hold the truth over SEEDS worlds, and the seconds for a district."""
    pl.Config.set_tbl_cols(20).set_tbl_width_chars(240).set_tbl_hide_column_data_types(True)
    size = trial.Size()
    table, learned, reason = trial.off_policy(size)
    print(trial.compare(size, trial.ways(learned=learned)))
    print(table)
    print(f"learned: {reason}")
    _coverage()
    _cost()


def _coverage() -> None:
    small = trial.Size(courses=6, students_per_course=15, sessions=24)
    labels = ("ips", "self_normalised", "doubly_robust")
    held: dict[str, list[bool]] = {label: [] for label in labels}
    for seed in range(1, SEEDS + 1):
        for row in trial.off_policy(small, seed=seed)[0].iter_rows(named=True):
            for label in labels:
                held[label].append(row[f"{label}_low"] <= row["truth"] <= row[f"{label}_high"])
    for label in labels:
        print(
            f"95 % intervals that hold the truth, {label:<16} {np.mean(held[label]):6.1%} of {len(held[label])}"
        )


def _cost() -> None:
    world = sim.draw_world(courses=COURSES, skills=20)
    size = trial.Size(courses=COURSES, students_per_course=STUDENTS_PER_COURSE, skills=20, sessions=6)
    term = trial.Term(world, MasteryModel({}, trial.usual(), "sim"), size, seed=1)
    for day in range(size.sessions):
        term.work(trial.any_skill(term, day), day=day)
    started, cpu = time.perf_counter(), time.process_time()
    found = term.recommended(Ranked(), 60, reviews=True)
    print(
        f"{len(term.pupils.course):,} students, {sum(map(len, term.attempts)):,} answers: {len(found.rows):,} suggestions in "
        f"{time.perf_counter() - started:.1f} s ({time.process_time() - cpu:.1f} s of processor)"
    )


if __name__ == "__main__":
    main()
