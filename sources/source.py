"""What every source hands out: a roster folder, a catalogue folder, and statements one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Source(Protocol):
    """A data set, or the generated school, ready to be imported. Statements come out the same each time, ids included."""

    @property
    def home_page(self) -> str:
        """`homePage` of every actor; the roster is imported with it."""

    @property
    def statement_count(self) -> int:
        """How many statements `statements()` yields."""

    def write_roster(self, folder: Path) -> Path:
        """Write a OneRoster 1.2 CSV folder and answer it."""

    def write_catalogue(self, folder: Path) -> Path:
        """Write a catalogue folder (docs/xapi-profile.md) and answer it."""

    def statements(self) -> Iterator[bytes]:
        """Statements as JSON, ready to send."""
