"""A generation: a folder of Parquet tables written whole, and the file CURRENT that names the newest one.

What the tables mean belongs to whoever writes them. Readers ask `current` once and read from the folder it answers.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl

from learnlake.locks import waiting_for

KEPT = 3
"""Generations that stay on disk, so that a reader which holds an older one can finish."""


def current(root: Path) -> Path | None:
    """The newest generation's folder under `root`, or None before the first one."""
    try:
        name = (root / "CURRENT").read_text().strip()
    except FileNotFoundError:
        return None
    return root / name


def writing(root: Path) -> AbstractContextManager[None]:
    """Hold `root` against other writers; they wait. Readers are never held up."""
    return waiting_for(root / ".lock")


def write(root: Path, tables: Mapping[str, pl.DataFrame]) -> Path:
    """Write `tables` as the next generation, make it current by one rename, drop all but the last three."""
    numbers = [int(p.name[1:]) for p in root.glob("g[0-9]*") if p.name[1:].isdigit()]
    target = root / f"g{max(numbers, default=0) + 1:08d}"
    draft = root / f".draft.{os.getpid()}.{secrets.token_hex(4)}"
    draft.mkdir(parents=True)
    for name, frame in tables.items():
        frame.write_parquet(draft / f"{name}.parquet", compression="zstd")
    draft.rename(target)
    replace_text(root / "CURRENT", target.name)
    for stale in sorted(root.glob("g[0-9]*"))[:-KEPT]:
        shutil.rmtree(stale, ignore_errors=True)
    for orphan in root.glob(".draft.*"):
        shutil.rmtree(orphan, ignore_errors=True)
    return target


def replace_text(path: Path, text: str) -> None:
    """Make `path` hold `text` by one durable rename: a reader sees the old text or the new, never less."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
