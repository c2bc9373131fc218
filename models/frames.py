"""Frames as the models take them: any Arrow or Polars table in, a checked Polars frame out. No model knows a file or a database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from learnlake.errors import InputError


def as_frame(frame: Any, columns: Iterable[str], *, name: str) -> pl.DataFrame:
    """`frame` (Polars, Arrow, or anything with an Arrow stream) as a Polars frame that has `columns`.

    Raises InputError naming the mart `name` and the missing columns.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, pl.DataFrame):
        made = pl.from_arrow(frame)
        frame = made.to_frame() if isinstance(made, pl.Series) else made
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name} lacks the columns {', '.join(missing)}",
            where=f"a frame with the columns {', '.join(frame.columns)}",
            mend="pass the mart with the columns that docs/architecture.md lists",
        )
    return frame


def one_tenant(frame: pl.DataFrame, *, name: str) -> str:
    """The one tenant of `frame`. Raises InputError for several: models of one tenant never see another's rows."""
    tenants = frame.get_column("tenant").unique().sort().to_list()
    if len(tenants) > 1:
        raise InputError(
            f"{name} holds rows of several tenants: {', '.join(map(str, tenants))}",
            mend="train and evaluate per tenant, on frames filtered to one",
        )
    return str(tenants[0]) if tenants else ""
