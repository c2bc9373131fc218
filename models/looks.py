"""How often held-out data was looked at in this home: each look makes its figures a little less honest.

A look is a line of `HOME/mlflow/looks.jsonl`: the fingerprint of what was held out, when, and with which release. No keys of people.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import NamedTuple

import polars as pl

from learnlake.clock import utc_now


class Look(NamedTuple):
    """One evaluation on a set of held-out rows."""

    fingerprint: str
    at: str
    release: str


def fingerprint(held_out: pl.DataFrame) -> str:
    """SHA-256 of the rows (keys and truth), in whatever order they come."""
    return hashlib.sha256(held_out.sort(held_out.columns).write_csv().encode()).hexdigest()


def earlier_looks(file: Path, held_out: str) -> list[Look]:
    """Looks at the rows with this fingerprint, oldest first."""
    if not file.is_file():
        return []
    known = (Look(**json.loads(line)) for line in file.read_text().splitlines() if line.strip())
    return [look for look in known if look.fingerprint == held_out]


def note_look(file: Path, held_out: str) -> None:
    """Add a look, now. One line in one write, so that two evaluations at once both count."""
    look = Look(held_out, utc_now().isoformat(timespec="seconds"), importlib.metadata.version("learnlake"))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lines:
        lines.write(json.dumps(look._asdict()) + "\n")


def in_words(looks: list[Look]) -> str:
    """What a reader of the figures should know."""
    if not looks:
        return "These held-out students were not looked at before in this home."
    releases = sorted({look.release for look in looks})
    return (
        f"These held-out students were looked at {len(looks)} time{'s' if len(looks) > 1 else ''} before in this home "
        f"(first {looks[0].at[:10]}, last {looks[-1].at[:10]}, release {', '.join(releases)}): "
        "figures chosen among several looks flatter."
    )
