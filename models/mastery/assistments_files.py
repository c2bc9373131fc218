"""Attempts straight from an ASSISTments file, with the columns of `fct_attempt`: for `evaluate mastery --data`.

The shared Parquet copies and any CSV with their column names: user_id, order_id, skill_id, correct, and where present
item_id, split, fold. One row is one response; several skills of a problem are one combination (`skill_id`).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from learnlake.errors import InputError

REQUIRED = ("user_id", "order_id", "skill_id", "correct")
KNOWN_FILES = ("kt/assistments2009_gervet.parquet", "assistments2009_gervet.parquet")


def find_file(path: Path) -> Path:
    """The ASSISTments file that `path` names: itself, or the known file under a folder."""
    if path.is_file():
        return path
    for known in KNOWN_FILES:
        if (path / known).is_file():
            return path / known
    raise InputError(
        "There is no ASSISTments file here",
        where=str(path),
        mend=f"name the file itself, or a folder that holds {' or '.join(KNOWN_FILES)}",
    )


def read_attempts(path: Path, *, rows: int | None = None, tenant: str = "assistments") -> pl.DataFrame:
    """The responses of `path` (Parquet or CSV) as `fct_attempt` rows, the first `rows` in file order, or all.

    The file has no times: `responded_at` is null, the order is `order_id`. `split` is kept where the file has one.
    """
    file = find_file(path)
    frame = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file)
    missing = [column for column in REQUIRED if column not in frame.columns]
    if missing:
        raise InputError(
            f"The file lacks the columns {', '.join(missing)}",
            where=f"{file}: {', '.join(frame.columns)}",
            mend="a next-response file needs user_id, order_id, skill_id and correct",
        )
    if rows is not None:
        frame = frame.head(rows)
    strange = frame.filter(~pl.col("correct").is_in([0, 1]) | pl.col("correct").is_null())
    if len(strange):
        raise InputError(
            f"{len(strange)} rows have a `correct` that is neither 0 nor 1",
            where=f"{file}, first at order_id {strange['order_id'][0]}",
            mend="round partial credit to 0 or 1 first",
        )
    return (
        frame.sort("user_id", "order_id")
        .with_columns(response_number=pl.int_range(1, pl.len() + 1).over("user_id"))
        .select(
            tenant=pl.lit(tenant),
            person_key=pl.format("student-{}", "user_id"),
            school_key=pl.lit(tenant),
            section_key=pl.lit(tenant),
            course_key=pl.lit(tenant),
            skill_key=pl.format("skill-{}", "skill_id"),
            activity_key=pl.format("item-{}", "item_id")
            if "item_id" in frame.columns
            else pl.lit(None, dtype=pl.String),
            is_correct=pl.col("correct") == 1,
            responded_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
            response_number="response_number",
            **({"split": pl.col("split")} if "split" in frame.columns else {}),
        )
    )
