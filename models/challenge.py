"""Whether a challenger is better than the champion: beyond noise, and worse for no subgroup, on a period that neither has learned from.

The challenger is judged by its recipe: each student of the period is predicted by models fitted without that student.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.mastery.folds import FOLDS, folds
from models.mastery.sequences import usable_attempts
from models.metrics import auc

Read = Callable[[str], pl.DataFrame]

LEAST_STUDENTS = 30
"""Students that a period needs to judge by, and a subgroup to be judged on its own: fewer move by chance."""
RESAMPLES = 2000
SEED = 20090907
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap between which a gain lies: better means that all of it is above zero, worse that all is below."""
SUBGROUPS = ("school_key", "course_key", "grade")
"""What subgroups are made of: nothing sensitive is in the marts, so schools, courses and grades stand for it."""
TRAINED_UNTIL = "trained_until"
"""Fact of a model's card: the newest answer, or the newest session's first day, that it has learned from."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the challenger takes over, why in words, the figures behind it, and the gain of each subgroup."""

    is_promoted: bool
    reason: str
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    subgroups: dict[str, str] = dataclasses.field(default_factory=dict)


FIRST = Verdict(True, "promoted: the first version, there is nothing to compare it with")


def challenge(kind: str, champion: Any, read: Read) -> Verdict:
    """Judge today's recipe and data against `champion` on the newest finished period. `read` answers a tenant's marts."""
    rows = {"mastery": _mastery_rows, "risk": _risk_rows}[kind](champion, read)
    return rows if isinstance(rows, Verdict) else judge(_with_grades(rows, read))


def judge(rows: pl.DataFrame) -> Verdict:
    """The verdict on `rows`: person_key, truth (bool), champion and challenger (probabilities), and columns of SUBGROUPS."""
    students = rows["person_key"].n_unique()
    if students < LEAST_STUDENTS:
        return Verdict(
            False, f"kept: {students} students in the period, {LEAST_STUDENTS} are needed to judge"
        )
    rows = rows.with_columns(
        (_log_loss(rows, "champion") - _log_loss(rows, "challenger")).alias("gain"),
    )
    gain, low, high = _interval(rows)
    truth = rows["truth"].cast(pl.Float64).to_numpy()
    figures = {
        "champion_log_loss": float(_log_loss(rows, "champion").to_numpy().mean()),
        "challenger_log_loss": float(_log_loss(rows, "challenger").to_numpy().mean()),
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "judged_students": float(students),
    }
    if 0 < truth.mean() < 1:
        figures |= {f"{name}_auc": auc(truth, rows[name].to_numpy()) for name in ("champion", "challenger")}
    said = f"gain in log loss {gain:.4f} (95 % {low:.4f} to {high:.4f}) over {students:,} students"
    intervals = {name: _interval(group) for name, group in _groups(rows)}
    shown = {name: f"gain {g:.4f} ({a:.4f} to {b:.4f})" for name, (g, a, b) in intervals.items()}
    worse = [name for name, (_, _, above) in intervals.items() if above < 0]
    if low <= 0:
        return Verdict(False, f"kept: not better beyond noise, {said}", figures, shown)
    if worse:
        return Verdict(False, f"kept: worse for {', '.join(worse)}, though {said}", figures, shown)
    return Verdict(True, f"promoted: {said}, worse for none of {len(intervals)} subgroups", figures, shown)


def _mastery_rows(champion: Any, read: Read) -> pl.DataFrame | Verdict:
    """Answers of whole weeks since the champion learned, each predicted from the same student's earlier ones."""
    from models.mastery.bkt import fit

    usable = usable_attempts(read("fct_attempt"))
    newest: dt.datetime | None = usable["responded_at"].max()  # type: ignore[assignment]
    if newest is None:
        return Verdict(False, "kept: there are no answers to judge by")
    until = (newest - dt.timedelta(days=newest.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    in_period = pl.col("responded_at") < until
    if since := champion.card.get(TRAINED_UNTIL):
        moment = dt.datetime.fromisoformat(since)
        in_period &= pl.col("responded_at") > moment.replace(tzinfo=newest.tzinfo)
    if not len(usable.filter(in_period)):
        return Verdict(
            False, f"kept: no whole week of answers since the champion learned (up to {since or newest})"
        )
    fold = folds(usable, salt="challenge ")
    parts = []
    for number in range(FOLDS):
        own = usable.filter(fold == number)
        if len(own):
            model = fit(usable.filter(fold != number), by_item=True)
            parts.append(model.predict_responses(own).rename({"predicted": "challenger"}))
    response = ["person_key", "response_number"]
    old = champion.predict_responses(usable).select(*response, champion="predicted")
    rows = pl.concat(parts).filter(in_period).join(old, on=response)
    return rows.rename({"is_correct": "truth"})


def _risk_rows(champion: Any, read: Read) -> pl.DataFrame | Verdict:
    """Student-weeks of the newest finished session."""
    from models.risk.evaluate import finished_rows
    from models.risk.model import fit

    rows = finished_rows(read("msr_student_week"), read("fct_outcome"), read("dim_academic_session"))
    newest: dt.date = rows["start_date"].max()  # type: ignore[assignment]
    since = champion.card.get(TRAINED_UNTIL)
    if since is not None and newest <= dt.date.fromisoformat(since):
        return Verdict(
            False,
            f"kept: the champion has learned from the newest finished session (begun {newest}) already; outcomes of a later one decide",
        )
    earlier, period = rows.filter(pl.col("start_date") < newest), rows.filter(pl.col("start_date") == newest)
    fold = folds(period, salt="challenge ")
    parts = []
    for number in range(FOLDS):
        own, others = period.filter(fold == number), period.filter(fold != number)
        if len(own) and len(known := pl.concat([earlier, others])):
            parts.append(own.with_columns(challenger=pl.Series(fit(known).predict(own), dtype=pl.Float64)))
    judged = pl.concat(parts)
    return judged.with_columns(champion=pl.Series(champion.predict(judged), dtype=pl.Float64)).rename(
        {"is_adverse": "truth"}
    )


def _with_grades(rows: pl.DataFrame, read: Read) -> pl.DataFrame:
    people = read("dim_person")
    if "grade" not in people.columns:
        return rows
    return rows.join(people.select("person_key", "grade").unique("person_key"), on="person_key", how="left")


def _groups(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Each subgroup that has students enough, by a name that says what it is."""
    found = []
    for column in (column for column in SUBGROUPS if column in rows.columns):
        for (value,), group in rows.drop_nulls(column).group_by(column, maintain_order=True):
            if LEAST_STUDENTS <= group["person_key"].n_unique() < rows["person_key"].n_unique():
                found.append((f"{column} {value}", group))
    return sorted(found, key=lambda pair: pair[0])


def _interval(rows: pl.DataFrame) -> tuple[float, float, float]:
    """The mean gain, and the interval of it when students are drawn anew: a student's rows resemble each other."""
    by_student = rows.group_by("person_key", maintain_order=True).agg(pl.col("gain").sum(), n=pl.len())
    gains, counts = by_student["gain"].to_numpy(), by_student["n"].to_numpy()
    draw = np.random.default_rng(SEED)
    means = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        chosen = draw.integers(len(gains), size=len(gains))
        means[number] = gains[chosen].sum() / counts[chosen].sum()
    low, high = np.percentile(means, INTERVAL)
    return float(gains.sum() / counts.sum()), float(low), float(high)


def _log_loss(rows: pl.DataFrame, column: str) -> pl.Series:
    truth = rows["truth"].cast(pl.Float64).to_numpy()
    given: NDArray[np.float64] = np.clip(rows[column].to_numpy(), 1e-6, 1 - 1e-6)
    return pl.Series(-(truth * np.log(given) + (1 - truth) * np.log(1 - given)))
