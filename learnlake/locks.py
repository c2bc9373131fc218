"""Locks between processes: a file that one of them holds. The system lets go of it when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from learnlake.errors import BusyError


@contextlib.contextmanager
def waiting_for(path: Path) -> Iterator[None]:
    """Hold `path`; wait until whoever holds it lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def alone(path: Path, busy: str, *, mend: str | None = None) -> Iterator[None]:
    """Hold `path`, or raise BusyError with the sentence `busy` if another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(busy, where=str(path), mend=mend) from None
        yield
