"""k-anonymity over a table of persons' records: blurred step by step, then the rest left out. Pure frames, no files.

Somebody is recognised by everything an outsider may know together: school, grade, and all the courses and sessions of a
person. That combination must be shared by at least k persons (Sweeney, 2002). The same step is applied to everybody
(full-domain generalisation, Samarati, 2001), so that columns mean one thing throughout.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

import polars as pl

QUASI_IDENTIFIERS: Final = ("school", "grade", "course", "session")
"""What an outsider may know about somebody; every other column but `pseudonym` is what was measured."""
ANY: Final = "*"

_BANDS = {**{f"{n:02d}": "K-5" for n in range(1, 6)}, **{f"{n:02d}": "6-8" for n in range(6, 9)}}
_BANDS |= {**{f"{n:02d}": "9-12" for n in range(9, 13)}, "KG": "K-5", "PK": "K-5"}


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One further blur. `columns` maps each column it changes to how."""

    name: str
    columns: dict[str, Callable[[pl.Expr], pl.Expr]]
    merges_rows: bool = (
        False  # one row per person from here on: the number of courses tells who somebody is, too
    )


def _any(_column: pl.Expr) -> pl.Expr:
    return pl.lit(ANY)


def _band(column: pl.Expr) -> pl.Expr:
    padded = column.str.to_uppercase().str.zfill(2)
    return padded.replace_strict(_BANDS, default="other", return_dtype=pl.String)


STEPS: Final = (
    Step("as recorded", {}),
    Step("courses as subjects", {"course": lambda _: pl.col("subject")}),
    Step("grades as bands", {"grade": _band}),
    Step("schools as districts", {"school": lambda _: pl.col("district")}),
    Step(
        "courses and sessions hidden, one row per student",
        {"course": _any, "session": _any},
        merges_rows=True,
    ),
    Step("grades hidden", {"grade": _any}),
    Step("schools hidden", {"school": _any}),
)
"""From the least blur to the most. Each includes those before it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """`rows` as they may leave. `k` is the smallest class achieved (0: nobody is left), `suppressed` persons were left out."""

    rows: pl.DataFrame
    steps: tuple[str, ...]
    k: int
    classes: int
    persons: int
    suppressed: int


def anonymise(rows: pl.DataFrame, *, k: int, suppressed_share: float) -> Result:
    """`rows` (person, QUASI_IDENTIFIERS, subject, district, and measures) blurred until k holds for all but `suppressed_share`.

    Whoever is still in a class of fewer than k is left out. The columns subject and district are dropped.
    """
    persons = rows["person"].n_unique()
    blurred = rows.with_columns(pl.col(*QUASI_IDENTIFIERS, "subject", "district").fill_null("unknown"))
    for number, step in enumerate(STEPS):
        blurred = blurred.with_columns(
            change(pl.col(name)).alias(name) for name, change in step.columns.items()
        )
        blurred = _one_row_per_person(blurred) if step.merges_rows else blurred
        sizes = class_sizes(blurred)
        small = sizes.filter(pl.col("size") < k)
        if small.height <= suppressed_share * persons or number == len(STEPS) - 1:
            break
    kept = sizes.filter(pl.col("size") >= k)
    return Result(
        rows=blurred.join(kept.select("person"), on="person", how="semi").drop("subject", "district"),
        steps=tuple(step.name for step in STEPS[: number + 1]),
        k=int(kept["size"].min() or 0),  # type: ignore[arg-type]
        classes=kept["class"].n_unique(),
        persons=persons,
        suppressed=persons - kept.height,
    )


def _one_row_per_person(rows: pl.DataFrame) -> pl.DataFrame:
    """Counts added up, shares averaged, words side by side."""
    same = ["person", *QUASI_IDENTIFIERS, "subject", "district"]
    merged = [
        pl.col(name).sum()
        if kind.is_integer()
        else pl.col(name).mean().round(1)
        if kind.is_numeric()
        else pl.col(name).unique().sort().str.join("; ")
        for name, kind in rows.schema.items()
        if name not in same
    ]
    alike = [pl.col(name).first() for name in same[1:]]
    return rows.group_by("person").agg(*alike, *merged).select(rows.columns)


def class_sizes(rows: pl.DataFrame) -> pl.DataFrame:
    """person, class (all that an outsider may know), size: how many persons share that class."""
    told = pl.concat_str(pl.struct(QUASI_IDENTIFIERS).struct.json_encode())
    classes = rows.group_by("person").agg(told.sort().str.join("\n").alias("class"))
    return classes.with_columns(pl.len().over("class").alias("size"))
