"""Reading a SQLite file twice: its live rows through SQL, and its pages for what is no live row: free list, gaps, write-ahead log."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cli.rights.formats import Texts, packed, packed_kind
from cli.rights.needles import Matcher
from cli.rights.sqlite_pages import Frame, Shape, cells, free_pages, gaps, is_btree, texts, wal_frames
from warehouse.tables import quoted

_BATCH_ROWS = 20_000
_PAGES_AT_ONCE = 2048
_NUMBERS = ("INT", "REAL", "FLOA", "DOUB", "BOOL", "DATE", "TIME", "NUM")
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
    worded = [name for name, kind in columns if not kind.startswith(_NUMBERS)]
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
        tenants = pl.Series([None if row[0] is None else row[0].decode() for row in found], dtype=pl.String)
        yield Texts(place, as_texts([row[1] for row in found]), tenants)
    for name in worded if has_packed else ():
        blobs = connection.execute(
            f"select {tenant}, cast({quoted(name)} as blob) from {quoted(table)}"
            f" where substr(cast({quoted(name)} as blob), 1, 2) in {_PACKED}"
        )
        for owner, content in blobs:
            if kind := packed_kind(content[:16]):
                with contextlib.suppress(Exception):  # two bytes are no proof that it is packed
                    for inner in packed(content, kind, f"{place}, {name}"):
                        whose = None if owner is None else pl.Series([owner.decode()] * len(inner.texts))
                        yield Texts(inner.place, inner.texts, whose)


def as_texts(contents: list[bytes]) -> pl.Series:
    """Bytes as texts: UTF-8 where it is that, Latin-1 elsewhere."""
    try:
        return pl.Series(contents, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:  # not all of them are UTF-8
        return pl.Series([_text(content) for content in contents], dtype=pl.String)


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


class Leftovers:
    """What the pages of one file hold beside its live rows."""

    def __init__(self, path: Path, matcher: Matcher, tenant: str, *, is_live_somewhere: bool) -> None:
        self._path = path
        self._matcher = matcher
        self._tenant = tenant.encode()
        self._is_live_somewhere = is_live_somewhere

    def find(self) -> Iterator[tuple[str, set[str]]]:
        """(place, labels) of each thing that was left behind."""
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
                if self._matcher.candidates(as_texts([content])):
                    yield from self._judge_frame(content, frame, shape)

    def _suspects(self, file: io.BufferedReader, shape: Shape) -> Iterator[tuple[int, bytes]]:
        """Pages that hold a needle anywhere."""
        file.seek(0)
        first = 1
        while block := file.read(shape.page_bytes * _PAGES_AT_ONCE):
            text = block.decode("latin-1")
            starts = range(0, len(text), shape.page_bytes)
            series = pl.Series([text[at : at + shape.page_bytes] for at in starts], dtype=pl.String)
            for row in self._matcher.candidates(series):
                yield first + row, block[row * shape.page_bytes : (row + 1) * shape.page_bytes]
            first += len(series)

    def _judge(
        self, content: bytes, number: int, shape: Shape, *, is_free: bool
    ) -> Iterator[tuple[str, set[str]]]:
        if is_free:
            yield from self._named(content, f"free page {number}")
        elif is_btree(content, number):
            for gap in gaps(content, number, shape):
                yield from self._named(gap, f"free space of page {number}")
        elif not self._is_live_somewhere:
            yield from self._named(content, f"overflow page {number}")

    def _judge_frame(self, content: bytes, frame: Frame, shape: Shape) -> Iterator[tuple[str, set[str]]]:
        place = f"write-ahead log, page {frame.number}"
        if not is_btree(content, frame.number):
            if not self._is_live_somewhere:
                yield from self._named(content, place)
            return
        for gap in gaps(content, frame.number, shape):
            yield from self._named(gap, f"{place}, free space")
        if frame.is_live:
            return  # its rows have been read through SQL
        for cell in cells(content, frame.number, shape):
            columns = texts(cell.record)
            if self._tenant in columns or not self._is_live_somewhere:
                yield from self._named(cell.record, f"{place}, replaced since")

    def _named(self, content: bytes, place: str) -> Iterator[tuple[str, set[str]]]:
        text = content.decode("latin-1")
        labels = {needle.label for needle in self._matcher.needles if _is_in(needle.text, text)}
        if labels:
            yield place, labels


def _is_in(needle: str, text: str) -> bool:
    """Without boundaries: in a page, columns follow each other without any."""
    return needle.encode().decode("latin-1").lower() in text.lower()
