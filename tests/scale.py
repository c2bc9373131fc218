"""How large the tests run, and where the public data sets are. `make prove` sets LEARNLAKE_FULL=1."""

from __future__ import annotations

import os
from pathlib import Path

FULL = os.environ.get("LEARNLAKE_FULL") == "1"
REAL_ROWS = None if FULL else 20_000
"""Rows of a real data set that a test reads: all of them at full size."""


def scaled(quick: int, full: int) -> int:
    """`quick` in make test and CI, `full` in make prove."""
    return full if FULL else quick


def data_dir() -> Path | None:
    """The folder of public data sets: LEARNLAKE_DATA_DIR, or ../shared/data beside the checkout; None without one."""
    named = os.environ.get("LEARNLAKE_DATA_DIR")
    root = Path(__file__).resolve().parents[1]
    for place in (Path(named) if named else None, root.parent / "shared" / "data"):
        if place and place.is_dir():
            return place
    return None
