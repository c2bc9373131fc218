"""Attempts as the compiled core wants them: rows by skill, person and order, with the first row of each sequence."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.frames import as_frame

ATTEMPT_COLUMNS = (
    "tenant",
    "person_key",
    "school_key",
    "section_key",
    "course_key",
    "skill_key",
    "activity_key",
    "is_correct",
    "responded_at",
    "response_number",
)
"""What mastery reads of `fct_attempt`."""
ITEM = ["skill_key", "activity_key"]
"""An item: an activity that exercises a skill."""


@dataclasses.dataclass(frozen=True)
class Sequences:
    """`rows` sorted by skill, person, response number; each sequence is one person's answers on one skill."""

    rows: pl.DataFrame
    answers: NDArray[np.uint8]
    starts: NDArray[np.int64]
    """First row of each sequence, and the number of rows."""
    skill_starts: NDArray[np.int64]
    """First sequence of each skill, and the number of sequences."""
    skills: list[str]
    items: NDArray[np.int64]
    """Which item of `item_table` each row answers."""
    item_starts: NDArray[np.int64]
    """First item of each skill, and the number of items."""
    item_table: pl.DataFrame
    """skill_key and activity_key of each item, skill by skill; responses whose item is not known share one without a key."""

    @property
    def skill_of_sequence(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self.skills)), np.diff(self.skill_starts))


def usable_attempts(attempts: Any) -> pl.DataFrame:
    """The rows of `fct_attempt` that say something about a skill: a person, a skill and an answer are known."""
    frame = as_frame(attempts, ATTEMPT_COLUMNS, name="fct_attempt")
    return frame.drop_nulls(["person_key", "skill_key", "is_correct"])


def sequences(attempts: pl.DataFrame) -> Sequences:
    """`attempts` (usable ones) as sequences, in the order of `response_number` within each person."""
    rows = attempts.sort("skill_key", "person_key", "response_number", maintain_order=True)
    changes = rows.select(
        skill=pl.col("skill_key").ne_missing(pl.col("skill_key").shift()),
        person=pl.col("person_key").ne_missing(pl.col("person_key").shift()),
    )
    new_skill = changes["skill"].to_numpy().copy()
    new_sequence = new_skill | changes["person"].to_numpy()
    if len(rows):
        new_skill[0] = new_sequence[0] = True
    first_rows = np.flatnonzero(new_sequence)
    skill_rows = np.flatnonzero(new_skill)
    item_table = rows.select(ITEM).unique(maintain_order=True)
    numbered = rows.select(ITEM).join(
        item_table.with_row_index("item"), on=ITEM, how="left", nulls_equal=True, maintain_order="left"
    )
    first_items = numbered["item"].gather(skill_rows).to_numpy()
    return Sequences(
        rows=rows,
        answers=rows["is_correct"].cast(pl.UInt8).to_numpy(),
        starts=np.append(first_rows, len(rows)).astype(np.int64),
        skill_starts=np.append(np.searchsorted(first_rows, skill_rows), len(first_rows)).astype(np.int64),
        skills=rows["skill_key"].gather(skill_rows).to_list(),
        items=numbered["item"].cast(pl.Int64).to_numpy(),
        item_starts=np.append(first_items, len(item_table)).astype(np.int64),
        item_table=item_table,
    )
