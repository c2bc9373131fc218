"""Reading a SQLite file twice: its live rows through SQL, and its pages for what is no live row: free list, gaps, write-ahead log."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from cli.rights.formats import Texts, packed, packed_kind
from cli.rights.needles import Matcher
from cli.rights.sqlite_pages import Frame, Shape, cells, free_pages, gaps, is_btree, texts, wal_frames
from warehouse.tables import quoted

_BATCH_ROWS = 20_000
_PAGES_AT_ONCE = 2048
_WORDS = ("CHAR", "CLOB", "TEXT", "BLOB", "JSON")
_NUMBERS = ("INT", "REAL", "FLOA", "DOUB", "BOOL", "DATE", "TIME", "NUM", "DECI")
_PACKED = "(x'1f8b', x'504b', x'28b5', x'425a', x'fd37', x'789c', x'7801', x'78da')"


def rows(path: Path) -> Iterator[Texts]:
    """Every live row of every table, its text and blob columns joined; packed blobs opened."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        connection.text_factory = bytes
        tables = connection.execute(
            "select name from sqlite_master where type = 'table' and sql not like 'create virtual%'"
        ).fetchall()
        for (name,) in tables:
            yield from _table(connection, name.decode())


def _table(connection: sqlite3.Connection, table: str) -> Iterator[Texts]:
    columns = [
        (row[1].decode(), row[2].decode().upper())
        for row in connection.execute(f"pragma table_info({quoted(table)})")
    ]
    worded = [name for name, kind in columns if _is_worded(kind)]
    if not worded:
        return
    tenant = "tenant" if any(name == "tenant" for name, _ in columns) else "null"
    joined = " || x'1f' || ".join(f"coalesce(cast({quoted(name)} as blob), x'')" for name in worded)
    place = f"table {table}"
    begins_packed = " or ".join(f"substr({quoted(name)}, 1, 2) in {_PACKED}" for name in worded)
    cursor = connection.execute(
        f"select {tenant}, cast({joined} as blob), {begins_packed} from {quoted(table)}"
    )
    has_packed = False
    while found := cursor.fetchmany(_BATCH_ROWS):
        has_packed = has_packed or any(row[2] for row in found)
        owners = pa.array([row[0] for row in found], pa.binary()).cast(pa.string())
        yield Texts(place, pa.array([row[1] for row in found], pa.large_binary()), owners)
    for name in worded if has_packed else ():
        blobs = connection.execute(
            f"select {tenant}, cast({quoted(name)} as blob) from {quoted(table)}"
            f" where substr(cast({quoted(name)} as blob), 1, 2) in {_PACKED}"
        )
        for owner, content in blobs:
            if kind := packed_kind(content[:16]):
                with contextlib.suppress(Exception):  # two bytes are no proof that it is packed
                    for inner in packed(content, kind, f"{place}, {name}"):
                        whose = None if owner is None else pa.array([owner.decode()] * len(inner.texts))
                        yield Texts(inner.place, inner.texts, whose)


def _is_worded(kind: str) -> bool:
    """Whether a column so declared keeps texts or bytes (sqlite.org/datatype3.html, 3.1: `BIGINT` is a number, no declaration any value)."""
    return any(part in kind for part in _WORDS) or not any(part in kind for part in _NUMBERS)


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """What a page holds beside live rows. `is_unsure`: of a kind of page that live rows may own as well, as far as one page tells."""

    place: str
    labels: set[str]
    is_unsure: bool = False


class Leftovers:
    """What the pages of one file hold beside its live rows."""

    def __init__(self, path: Path, matcher: Matcher, tenant: str) -> None:
        self._path = path
        self._matcher = matcher
        self._tenant = tenant.encode()

    def find(self) -> Iterator[Left]:
        """Each thing that was left behind."""
        with self._path.open("rb") as file:
            shape = Shape.read(file.read(100))

            def page(number: int) -> bytes:
                file.seek((number - 1) * shape.page_bytes)
                return file.read(shape.page_bytes)

            free = free_pages(shape, page)
            for number, content in self._suspects(file, shape):
                yield from self._judge(content, number, shape, is_free=number in free)
        wal = self._path.with_name(f"{self._path.name}-wal")
        if wal.exists() and (log := wal.read_bytes()):
            for frame in wal_frames(log, shape):
                content = log[frame.offset : frame.offset + shape.page_bytes]
                if any(self._matcher.spans(content)):
                    yield from self._judge_frame(content, frame, shape)

    def _suspects(self, file: io.BufferedReader, shape: Shape) -> Iterator[tuple[int, bytes]]:
        """Pages that hold a needle anywhere."""
        file.seek(0)
        first = 1
        while block := file.read(shape.page_bytes * _PAGES_AT_ONCE):
            found: set[int] = set()
            for start, end in self._matcher.spans(block):
                found.update(range(start // shape.page_bytes, (end - 1) // shape.page_bytes + 1))
            for page in sorted(found):
                yield first + page, block[page * shape.page_bytes : (page + 1) * shape.page_bytes]
            first += _PAGES_AT_ONCE

    def _judge(self, content: bytes, number: int, shape: Shape, *, is_free: bool) -> Iterator[Left]:
        if is_free:
            yield from self._named(content, f"free page {number}")
        elif is_btree(content, number):
            for gap in gaps(content, number, shape):
                yield from self._named(gap, f"free space of page {number}")
        else:
            yield from self._named(content, f"overflow page {number}", is_unsure=True)

    def _judge_frame(self, content: bytes, frame: Frame, shape: Shape) -> Iterator[Left]:
        place = f"write-ahead log, page {frame.number}"
        if not is_btree(content, frame.number):
            yield from self._named(content, place, is_unsure=True)
            return
        for gap in gaps(content, frame.number, shape):
            yield from self._named(gap, f"{place}, free space")
        if frame.is_live:
            return  # its rows have been read through SQL
        for cell in cells(content, frame.number, shape):
            is_theirs = self._tenant in texts(cell.record)
            yield from self._named(cell.record, f"{place}, replaced since", is_unsure=not is_theirs)

    def _named(self, content: bytes, place: str, *, is_unsure: bool = False) -> Iterator[Left]:
        text = content.decode("latin-1")
        labels = {needle.label for needle in self._matcher.needles if _is_in(needle.text, text)}
        if labels:
            yield Left(place, labels, is_unsure)


def _is_in(needle: str, text: str) -> bool:
    """Without boundaries: in a page, columns follow each other without any."""
    return needle.encode().decode("latin-1").lower() in text.lower()
