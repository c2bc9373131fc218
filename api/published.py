"""The newest build's predictions and the models in force, held in memory for the prediction routes. Whose may be told is `asking`'s business."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from learnlake.home import Home
from learnlake.settings import Settings
from models import registry
from warehouse import reader
from warehouse.snapshot import Build
from warehouse.tables import quoted

TABLES = ("prd_mastery", "prd_risk", "prd_next_activity")
_ATTEMPTS = (
    "statement_id",
    "school_key",
    "section_key",
    "course_key",
    "skill_key",
    "activity_key",
    "is_correct",
    "responded_at",
)


T = TypeVar("T")


class Reloaded(Generic[T]):
    """A value that is read from files: held in memory, read again once `signature` answers another one."""

    def __init__(self, signature: Callable[[], Hashable], read: Callable[[], T]) -> None:
        self._signature, self._read = signature, read
        self._held: tuple[Hashable, T] | None = None
        self._lock = threading.Lock()

    def held(self) -> T | None:
        """The value if what it was read from still stands: some microseconds."""
        held = self._held
        return held[1] if held is not None and held[0] == self._signature() else None

    def get(self) -> T:
        """The value, read where it has to be. Slow then; several that ask at once wait for one reading."""
        with self._lock:
            signature = self._signature()  # before reading: a change meanwhile is read again
            if self._held is None or self._held[0] != signature:
                self._held = signature, self._read()
            return self._held[1]


class Tables:
    """One tenant's predictions of one build, sorted by person."""

    def __init__(self, settings: Settings, tenant: str) -> None:
        self._instance = reader.newest(settings, tenant)
        self.build: Build = self._instance.build
        self._frames: dict[str, pl.DataFrame] = {}
        self._where: dict[str, dict[str, tuple[int, int]]] = {}
        for table in (table for table in TABLES if table in self._instance.columns):
            frame = self._frame(
                f"from {self._place(table)} order by person_key, columns(* exclude (person_key))", {}
            )
            counts = frame.group_by("person_key", maintain_order=True).len()
            first = counts["len"].cum_sum().shift(1, fill_value=0)
            self._where[table] = {
                key: (at, count)
                for key, at, count in zip(counts["person_key"], first, counts["len"], strict=True)
            }
            self._frames[table] = frame

    def rows(self, table: str, person_key: str) -> list[dict[str, Any]]:
        """The person's rows of `table`."""
        where = self._where.get(table, {}).get(person_key)
        return [] if where is None else self._frames[table].slice(*where).rows(named=True)

    def attempts(self, person_key: str) -> list[dict[str, Any]]:
        """The person's responses with a skill, in the marts' own order."""
        return self._frame(
            f"select {', '.join(_ATTEMPTS)} from {self._place('fct_attempt')} where person_key = $person_key"
            " and skill_key is not null and is_correct is not null order by response_number",
            {"person_key": person_key},
        ).rows(named=True)

    def arrived(self, person_key: str, statement_ids: list[str]) -> set[str]:
        """Those of `statement_ids` that the build has taken in, counted or not."""
        found = self._frame(
            f"select statement_id from {self._place('fct_statement')}"
            " where statement_id in (select unnest($ids))",
            {"ids": statement_ids},
        )
        return set(found["statement_id"])

    def _place(self, table: str) -> str:
        return f"{self._instance.alias}.main.{quoted(table)}"

    def _frame(self, query: str, params: dict[str, object]) -> pl.DataFrame:
        with self._instance.connect() as connection:
            found = pl.from_arrow(connection.sql(query, params=params or None).to_arrow_table())
        assert isinstance(found, pl.DataFrame)
        return found


def tables(settings: Settings, tenant: str) -> Reloaded[Tables]:
    """`tenant`'s predictions of the newest build."""
    return Reloaded(stamps(settings.home.current_snapshot), lambda: Tables(settings, tenant))


def mastery_in_force(home: Home, tenant: str) -> Reloaded[registry.InForce]:
    """The mastery models that score `tenant` now: read again when one is promoted, rolled back or put on trial."""
    name = registry.model_name("mastery", tenant)
    return Reloaded(stamps(*registry.pointers(home, name)), lambda: registry.in_force(home, name))


def stamps(*files: Path) -> Callable[[], Hashable]:
    """Answers something else after each replacement of `files`: a look at the folder, no reading."""

    def look() -> Hashable:
        return tuple([_stamp(file) for file in files])

    return look


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        held = file.stat()
    except FileNotFoundError:
        return None
    return held.st_mtime_ns, held.st_ino
