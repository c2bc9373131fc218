"""Places that are to hold nothing on anybody, and may all the same: logs, run history, reports, artefacts. What a scan finds there goes.

A line of a log is overwritten in place, a row of a database is reworded, any other file is deleted: each of them can be made anew.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.rights import formats
from cli.rights.needles import encodings, needles_of, unbounded
from cli.rights.scan import Hit, scan
from learnlake.protocols import Finding, HeldFile, Subject
from learnlake.settings import Settings
from learnlake.sqlite import settle, vacuum
from warehouse.tables import quoted

MASK: Final = "*"
_LINES = frozenset({".log", ".txt", ".json", ".jsonl", ".yaml", ".md", ".csv", ".html"})
"""Files of lines: the text is overwritten where it stands, for a service may be writing to it."""


class LeftoversRoom:
    """`places` under the home folder that any service may write to; `also` are places of rooms that hold nobody's rows."""

    def __init__(self, name: str, places: tuple[str, ...], *, also: tuple[str, ...] = ()) -> None:
        self.name = name
        self.places = places
        self._looked_in = (*places, *also)

    def find(self, settings: Settings, subject: Subject) -> list[Finding]:
        hits = self._hits(settings, subject)
        return [Finding(f"files in {', '.join(self._looked_in)}", len({hit.path for hit in hits}))]

    def erase(self, settings: Settings, subject: Subject) -> None:
        found = self._files(settings, subject)
        for path in found:
            clean(path, subject)
        for path in self._files(settings, subject) if found else ():  # spelt in a way that cannot be masked
            path.unlink(missing_ok=True)

    def held(self, settings: Settings, subject: Subject) -> Iterator[HeldFile]:
        places = [f"{hit.path}: {hit.place}, {hit.count}\n" for hit in self._hits(settings, subject)]
        if places:
            what = "places in logs and run history that name this person"
            yield HeldFile(f"{self.name}.txt", what, ["".join(places).encode()])

    def _files(self, settings: Settings, subject: Subject) -> list[Path]:
        return sorted({settings.home.path / hit.path for hit in self._hits(settings, subject)})

    def _hits(self, settings: Settings, subject: Subject) -> tuple[Hit, ...]:
        return scan(settings, subject, within=self._looked_in).hits


def clean(path: Path, subject: Subject) -> None:
    """Take every text of the person out of one file that only matters as a whole."""
    if not path.exists():
        return
    with path.open("rb") as file:
        kind = formats.kind_of(file.read(16))
    texts = [needle.text for needle in needles_of(subject)]
    if kind == "sqlite":
        _reword(path, texts)
    elif kind == "bytes" and path.suffix in _LINES:
        _overwrite(path, texts)
    else:
        path.unlink()


def _pattern(texts: list[str]) -> re.Pattern[bytes]:
    """Every spelling of the texts, but not inside longer names; an escape before one is no part of its name."""
    spelt = {text: encodings(text) for text in texts}
    inner = {spelling for text in texts for spelling in unbounded(text)}
    whole = {spelling for found in spelt.values() for spelling in found} - inner
    alone, anywhere = (
        b"|".join(map(re.escape, sorted((one.encode() for one in found), key=len, reverse=True))) or b"(?!)"
        for found in (whole, inner)
    )
    before = rb"(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\[nrt]))"
    return re.compile(before + b"(?:" + alone + b")(?![A-Za-z0-9_-])|" + anywhere, re.IGNORECASE)


def _overwrite(path: Path, texts: list[str]) -> None:
    """Mask in place: same length, so that whoever appends meanwhile is not disturbed."""
    pattern = _pattern(texts)
    with path.open("r+b") as file:
        content = file.read()
        for match in pattern.finditer(content):
            file.seek(match.start())
            file.write(MASK.encode() * len(match[0]))


def _reword(path: Path, texts: list[str]) -> None:
    """Mask in every text of every row; then nothing of it may stay in free space."""
    pattern = _pattern(texts)
    with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("pragma secure_delete=on")
        connection.create_function("masked", 1, lambda value: _masked(pattern, value), deterministic=True)
        tables = connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
        )
        connection.execute("begin immediate")
        for (table,) in tables.fetchall():
            for _, column, *_ in connection.execute(f"pragma table_info({quoted(table)})").fetchall():
                named = quoted(column)
                connection.execute(
                    f"update {quoted(table)} set {named} = masked({named})"
                    f" where typeof({named}) in ('text', 'blob') and masked({named}) is not {named}"
                )
        connection.execute("commit")
    vacuum(path)
    settle(path)


def _masked(pattern: re.Pattern[bytes], value: str | bytes) -> str | bytes:
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    new = pattern.sub(lambda match: MASK.encode() * len(match[0]), raw)
    if new == raw:
        return value
    return new.decode("utf-8", "surrogateescape") if isinstance(value, str) else new
