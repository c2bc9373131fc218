"""How well suggested resources foretell what students use next, beside popularity: split by time, each student's later uses held out."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from learnlake.errors import InputError, ModelError
from models.bootstrap import REPLICATES, SEED
from models.frames import as_frame
from models.resources.suggest import USES, Likeness

AT = 10
RECENT_DAYS = 14
SPLITS = (0.6, 0.8)
"""Shares of a course's first uses after which the rest is held out: past the middle of a term, and towards its end."""
LIKE, POPULAR, LATELY = "others who used the same", "most used", f"most used in the last {RECENT_DAYS} days"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """`table`: a row per way of choosing with recall and NDCG at AT and the difference to LIKE's; intervals are over students drawn again."""

    table: pl.DataFrame
    students: int
    courses: int


def evaluate(uses: Any, *, min_people: int = 5) -> Evaluation:
    """uses: person, course, resource and `used_date` of `fct_resource_use`. What a student first uses after a course's day of split is to be foretold; both splits of a student count half.

    All ways choose among what anybody had used by then and the student had not. ModelError where nothing is left to foretell.
    """
    frame = as_frame(uses, USES, name="fct_resource_use").drop_nulls(USES)
    first = frame.group_by(USES[:-1]).agg(pl.col("used_date").min().cast(pl.Date))
    parts = []
    for _, course in first.group_by("tenant", "course_key", maintain_order=True):
        days = course["used_date"].sort()
        for split in SPLITS:
            parts += _of_course(course, days[int(len(days) * split)], min_people=min_people)
    if not parts:
        raise ModelError("No student used something new after the split", mend="give a longer time of use")
    by_student = pl.DataFrame(parts, schema=["way", "student", "recall", "ndcg"], orient="row")
    courses = first.select("tenant", "course_key").n_unique()
    return Evaluation(_table(by_student), by_student["student"].n_unique(), courses)


def _of_course(course: pl.DataFrame, day: dt.date, *, min_people: int) -> list[tuple[Any, ...]]:
    after = course.filter(pl.col("used_date") > day)
    before = course.filter(pl.col("used_date") <= day)
    like = Likeness.of(before, as_of=day, min_people=min_people)
    place = {key: n for n, key in enumerate(like.resources)}
    lately = before.filter(pl.col("used_date") > day - dt.timedelta(days=RECENT_DAYS))
    popular, recent = (
        np.array([counts.get(key, 0) for key in like.resources], dtype=float)
        for counts in (dict(part.group_by("activity_key").len().iter_rows()) for part in (before, lately))
    )
    hidden = dict(
        after.filter(pl.col("activity_key").is_in(like.resources))
        .group_by("person_key")
        .agg(pl.col("activity_key"))
        .iter_rows()
    )
    rows: list[tuple[Any, ...]] = []
    scores = like.scores()
    seen = np.asarray(like.used.todense()) > 0
    for n, person in enumerate(like.people):
        wanted = np.array([place[key] for key in hidden.get(person, ())], dtype=int)
        if not len(wanted):
            continue
        student = f"{course['tenant'][0]} {course['course_key'][0]} {person}"
        for way, score in ((LIKE, scores[n]), (POPULAR, popular), (LATELY, recent)):
            rows.append((way, student, *_judged(np.where(seen[n], -1.0, score), wanted)))
    return rows


def _judged(score: NDArray[np.float64], wanted: NDArray[np.int64]) -> tuple[float, float]:
    """Recall and NDCG at AT; of as many as could be right."""
    best = np.argsort(-score, kind="stable")[:AT]
    hits = np.isin(best, wanted) & (score[best] > 0)
    gains = 1 / np.log2(np.arange(2, AT + 2))
    possible = min(AT, len(wanted))
    return float(hits.sum() / possible), float((hits * gains[: len(best)]).sum() / gains[:possible].sum())


def _table(by_student: pl.DataFrame) -> pl.DataFrame:
    by_student = by_student.group_by("way", "student", maintain_order=True).agg(
        pl.col("recall", "ndcg").mean()
    )
    wide = {
        name: by_student.pivot("way", index="student", values=name, maintain_order=True)
        for name in ("recall", "ndcg")
    }
    count = len(wide["recall"])
    draws = np.random.default_rng(SEED).integers(0, count, (REPLICATES, count))
    rows = []
    for way in (LIKE, POPULAR, LATELY):
        row: dict[str, Any] = {"way": way}
        for name, frame in wide.items():
            values, best = frame[way].to_numpy(), frame[LIKE].to_numpy()
            row |= _with_interval(f"{name}_at_{AT}", values, draws)
            row |= _with_interval(f"{name}_gain_of_others", best - values, draws)
        rows.append(row)
    return pl.DataFrame(rows)


def _with_interval(name: str, values: NDArray[np.float64], draws: NDArray[np.int64]) -> dict[str, float]:
    low, high = np.quantile(values[draws].mean(axis=1), (0.025, 0.975))
    return {name: float(values.mean()), f"{name}_low": float(low), f"{name}_high": float(high)}


def read_oulad(folder: Path) -> pl.DataFrame:
    """Uses of OULAD's resources (studentVle) with the columns that `evaluate` reads; a presentation is a course of its own."""
    place = folder / "oulad" if (folder / "oulad").is_dir() else folder
    files = sorted([*place.glob("studentVle*.parquet"), *place.glob("studentVle*.csv")])
    if not files:
        raise InputError(
            "There is no studentVle here", where=str(place), mend="give the folder of OULAD's files"
        )
    columns = {"code_module": "m", "code_presentation": "p", "id_student": "s", "id_site": "r", "date": "d"}
    parts = [
        (pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path))
        .select(pl.col(name).alias(short) for name, short in columns.items())
        .unique()
        .collect()
        for path in files
    ]
    return pl.concat(parts).select(
        tenant=pl.lit("oulad"),
        person_key=pl.col("s").cast(pl.String),
        course_key=pl.format("{}-{}", "m", "p"),
        activity_key=pl.col("r").cast(pl.String),
        used_date=pl.date(2013, 1, 1) + pl.duration(days=pl.col("d").cast(pl.Int64)),
    )
