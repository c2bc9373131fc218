"""The decoding scan: every file under the home folder read by its format, and where a person's identifiers stand in it.

It runs in processes of its own: opening a SQLite file beside a connection to it would drop that connection's locks.
"""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow.parquet as pq

from cli.rights import formats
from cli.rights.formats import Texts
from cli.rights.needles import Matcher, needles_of
from cli.rights.sqlite_scan import Leftovers, rows
from learnlake.protocols import Subject
from learnlake.settings import Settings

_PARTITION = re.compile(r"(?:^|/)tenant=([^/]+)/")
JOURNAL = "erasure-journal.json"
"""In the home's secrets: what an erasure at work must still know. It goes with its end and is not looked at."""
_SIDE_FILES = ("-wal", "-shm", JOURNAL)
"""The first two are read together with the SQLite file that they belong to."""
_WORKERS = 2
_LARGE_BYTES = 1 << 23


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """Where something of the person stands. `path` is relative to the home folder; `is_left` says that no live row holds it."""

    path: str
    place: str
    labels: tuple[str, ...]
    count: int = 1
    is_left: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ScanReport:
    """`unread` are files that no decoder could read whole, with the reason."""

    files: int
    bytes: int
    seconds: float
    hits: tuple[Hit, ...]
    unread: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not self.hits and not self.unread


@dataclasses.dataclass(frozen=True, slots=True)
class _Task:
    home: Path
    path: Path
    subject: Subject
    part: str = "whole"
    """Of a large file `rows` and `pages`, side by side: if it is SQLite's, its live rows and what its pages hold beside them; else all is `rows`."""

    @property
    def name(self) -> str:
        return str(self.path.relative_to(self.home))


@dataclasses.dataclass(slots=True)
class _Found:
    """What one task found. `unsure` hits count only where the file's live rows hold nothing of the kind; `is_live`: they do."""

    hits: list[Hit] = dataclasses.field(default_factory=list)
    unsure: list[Hit] = dataclasses.field(default_factory=list)
    is_live: bool = False
    problem: str = ""


def scan(settings: Settings, subject: Subject, *, within: Iterable[str] | None = None) -> ScanReport:
    """Read everything under the home folder (or only the names `within` it) and answer where the person still is."""
    begun = time.monotonic()
    home = settings.home.path
    files = sorted(_files(home, within), key=lambda path: -_size(path))
    tasks = [_Task(home, path, subject, part) for path in files for part in _parts(path)]
    hits: list[Hit] = []
    unsure: list[Hit] = []
    problems: list[str] = []
    are_live: set[str] = set()
    for task, found in zip(tasks, _readers().map(_scan_file, tasks), strict=True):
        hits += found.hits
        unsure += found.unsure
        if found.is_live:
            are_live.add(task.name)
        if found.problem and found.problem not in problems:
            problems.append(found.problem)
    hits += [hit for hit in unsure if hit.path not in are_live]
    return ScanReport(
        len(files), sum(map(_size, files)), time.monotonic() - begun, tuple(hits), tuple(problems)
    )


def _parts(path: Path) -> tuple[str, ...]:
    """By size, not by a look inside: the caller may hold locks on the file."""
    return ("rows", "pages") if _size(path) >= _LARGE_BYTES else ("whole",)


@functools.cache
def _readers() -> ProcessPoolExecutor:
    """Processes that read files, kept from one scan to the next: each takes a second to start."""
    return ProcessPoolExecutor(_WORKERS, mp_context=multiprocessing.get_context("spawn"))


def _files(home: Path, within: Iterable[str] | None) -> Iterator[Path]:
    roots = [home] if within is None else [home / name for name in within]
    for root in roots:
        found = [root] if root.is_file() else root.rglob("*")
        for path in found:
            if path.is_file() and not path.is_symlink() and not path.name.endswith(_SIDE_FILES):
                yield path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _scan_file(task: _Task) -> _Found:
    """The hits in one file or part of one, and why it could not be read if it could not."""
    is_trail = task.path.name == "audit.db"
    matcher = Matcher([one for one in needles_of(task.subject) if not (is_trail and one.is_key)])
    found = _Found()
    if task.part != "pages" and (
        labels := matcher.labels(task.name) | matcher.labels(task.name.replace(".", " "))
    ):
        found.hits.append(Hit(task.name, "the file's name", tuple(sorted(labels))))
    try:
        _read(task, matcher, found)
    except Exception as error:
        if not task.path.exists():
            return _Found()  # gone since it was listed
        found.problem = f"{task.name}: {type(error).__name__}: {str(error)[:200]}"
    return found


def _read(task: _Task, matcher: Matcher, found: _Found) -> None:
    with task.path.open("rb") as file:
        kind = formats.kind_of(file.read(16))
    name, tenant = task.name, task.subject.tenant
    partition = _PARTITION.search(name)
    if partition and unquote(partition[1]) != tenant:
        return  # another tenant's part of the lake
    if name.startswith("attachments/") and name.split("/")[1] != tenant:
        return
    if kind == "sqlite":
        if task.part != "pages":
            _sqlite_rows(task, matcher, found)
        if task.part != "rows":
            _sqlite_pages(task, matcher, found)
    elif task.part == "pages":
        return
    elif kind == "duckdb":
        found.hits += _duckdb(task, matcher)
    else:
        found.hits += _plain(task, kind, matcher)


def _plain(task: _Task, kind: str, matcher: Matcher) -> list[Hit]:
    seen = _Seen(task.name, matcher, task.subject.tenant)
    if kind == "parquet":
        parquet = pq.ParquetFile(task.path)
        seen.look(formats.parquet(parquet, "Parquet"))
        if seen.elsewhere and not seen.hits:
            return []  # rows of another tenant with the same identifiers: they are in the footer's statistics too
        seen.look(formats.parquet_footer(parquet, "Parquet"))
    elif kind != "bytes":
        seen.look(formats.packed(task.path.read_bytes(), kind, "packed"))
    with task.path.open("rb") as file:
        seen.look(formats.plain(file, "bytes"))
    return seen.hits


class _Seen:
    """Hits of one file, gathered by place. `elsewhere` counts those of other tenants."""

    def __init__(self, path: str, matcher: Matcher, tenant: str) -> None:
        self._path, self._matcher, self._tenant = path, matcher, tenant
        self._places: dict[str, Counter[str]] = {}
        self._rows: Counter[str] = Counter()
        self.elsewhere = 0

    def look(self, found: Iterable[Texts]) -> None:
        for texts in found:
            for row in self._matcher.candidates(texts.texts):
                labels = self._matcher.labels(texts.text(row))
                owner = texts.tenant(row)
                if labels and owner is not None and owner != self._tenant:
                    self.elsewhere += 1
                elif labels:
                    self._rows[texts.place] += 1
                    self._places.setdefault(texts.place, Counter()).update(labels)

    @property
    def hits(self) -> list[Hit]:
        return [
            Hit(self._path, place, tuple(sorted(labels)), self._rows[place])
            for place, labels in self._places.items()
        ]


def _sqlite_rows(task: _Task, matcher: Matcher, found: _Found) -> None:
    seen = _Seen(task.name, matcher, task.subject.tenant)
    seen.look(rows(task.path))
    found.hits += seen.hits
    found.is_live = bool(seen.hits or seen.elsewhere)


def _sqlite_pages(task: _Task, matcher: Matcher, found: _Found) -> None:
    for left in Leftovers(task.path, matcher, task.subject.tenant).find():
        hit = Hit(task.name, left.place, tuple(sorted(left.labels)), is_left=True)
        (found.unsure if left.is_unsure else found.hits).append(hit)


def _duckdb(task: _Task, matcher: Matcher) -> list[Hit]:
    """Its tables; then its blocks, where a needle that no live row holds was left behind."""
    seen = _Seen(task.name, matcher, task.subject.tenant)
    try:
        seen.look(formats.duckdb_tables(task.path))
    except duckdb.Error as error:
        raise OSError(f"DuckDB cannot open it: {error}") from error
    if seen.hits or seen.elsewhere:
        return seen.hits
    blocks = _Seen(task.name, matcher, task.subject.tenant)
    with task.path.open("rb") as file:
        blocks.look(formats.plain(file, "blocks"))
    return [dataclasses.replace(hit, is_left=True) for hit in blocks.hits]
