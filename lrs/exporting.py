"""Writing a tenant's statements to a file: whole or not at all, and after a break from where it was."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from learnlake.errors import InputError
from learnlake.identity import identity_secret
from learnlake.locks import alone
from learnlake.settings import Settings
from lrs import credentials
from lrs.filters import Filter
from lrs.statement.formats import parse_timestamp
from lrs.statement.prepare import KeyMaker
from lrs.statement_files import Format, format_of
from lrs.store import read, reading
from lrs.store.database import Connection, open_database
from lrs.store.moment import microseconds_of
from lrs.store.store import index_secret

_CHUNK = 5000

Progress = Callable[[int, int, int], None]
"""(statements written, sequence number reached, last one)."""


class _Own(msgspec.Struct):
    """The two properties of a stored statement that a row names beside its JSON."""

    id: str
    stored: str


_decode_own = msgspec.json.Decoder(_Own).decode


@dataclasses.dataclass(slots=True)
class _Reached:
    """How far a draft has come. `newest_seq`: what came later than the first start is not part of the export."""

    newest_seq: int
    after: int = 0
    size_bytes: int = 0
    count: int = 0


def export_file(
    settings: Settings,
    path: Path,
    *,
    tenant: str,
    since: int | None = None,
    until: int | None = None,
    filter: Filter = Filter(),
    credential: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the statements stored after `since` up to `until` (microseconds) that the filter meets; how many.

    In the order of `stored`, voided ones left out, as GET /statements does. The format is what the name's ending says.
    A draft beside the file keeps what was written when the export breaks off; the same export goes on from there.
    """
    written = format_of(path, secret=identity_secret(settings.home))
    number = None if credential is None else credentials.number_of(settings, tenant, credential)
    query = read.Query(
        tenant=tenant,
        keys=filter.keys(tenant, KeyMaker(index_secret(open_database(settings)))),
        since=since,
        until=until,
        ascending=True,
        limit=_CHUNK,
        credential=number,
    )
    draft, state = (path.with_name(f".{path.name}.{end}") for end in ("draft", "state"))
    with _only_writer(path), reading(settings) as connection:
        reached = _resume(connection, draft, state, query)
        _write(connection, written, query, reached, draft, state, progress)
        done = path.with_name(f".{path.name}.done")
        written.complete(draft, done)
        with done.open("rb") as file:
            os.fsync(file.fileno())
        done.replace(path)
        for left in (draft, state):
            left.unlink(missing_ok=True)
    return reached.count


def _write(
    connection: Connection,
    written: Format,
    query: read.Query,
    reached: _Reached,
    draft: Path,
    state: Path,
    progress: Progress | None,
) -> None:
    """Append what is missing, noting after each piece how far the draft counts."""
    query = dataclasses.replace(query, newest_seq=reached.newest_seq, after=reached.after)
    with draft.open("ab") as file:
        while True:
            found = read.search(connection, query)
            if found or not file.tell():
                file.write(
                    written.encode([_row(query.tenant, *item) for item in found], is_first=not file.tell())
                )
                file.flush()
            if not found:
                return
            query = dataclasses.replace(query, after=found[-1][0])
            reached.after, reached.size_bytes = found[-1][0], file.tell()
            reached.count += len(found)
            _save(state, query, reached)
            if progress:
                progress(reached.count, reached.after, reached.newest_seq)


def _row(tenant: str, seq: int, raw: bytes) -> read.Row:
    own = _decode_own(raw)
    stored = parse_timestamp(own.stored)
    assert stored is not None
    return read.Row(seq, tenant, uuid.UUID(own.id).bytes, microseconds_of(stored), raw)


def _resume(connection: Connection, draft: Path, state: Path, query: read.Query) -> _Reached:
    """Where the draft of this very export was broken off; a new beginning where there is none."""
    with contextlib.suppress(FileNotFoundError):
        saved = json.loads(state.read_text())
        reached = _Reached(**saved["reached"])
        if saved["export"] == _name(query) and draft.stat().st_size >= reached.size_bytes:
            os.truncate(draft, reached.size_bytes)
            return reached
    draft.unlink(missing_ok=True)
    return _Reached(newest_seq=read.last_position(connection)[0])


def _save(state: Path, query: read.Query, reached: _Reached) -> None:
    fresh = state.with_suffix(".new")
    fresh.write_text(json.dumps({"export": _name(query), "reached": dataclasses.asdict(reached)}))
    fresh.replace(state)


def _name(query: read.Query) -> str:
    """Names what is exported, whatever the page."""
    asked = dataclasses.replace(query, after=None, newest_seq=None)
    return hashlib.sha256(repr(asked).encode()).hexdigest()


@contextlib.contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    if not path.parent.is_dir():
        raise InputError("there is no such folder", where=str(path.parent))
    lock = path.with_name(f".{path.name}.lock")
    with alone(lock, "another export writes this file", mend="let it end"):
        yield
        lock.unlink()
