"""The lake's writer: seals committed statements into the Delta table exactly once, compacts it, and proves store = lake."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Self

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from learnlake.errors import BusyError
from learnlake.home import Home
from learnlake.identity import identity_secret
from learnlake.settings import Settings
from lrs import removal
from lrs.delta import SEAL, WRITER, create_table, elected, open_table, watermark
from lrs.lake_columns import to_table
from lrs.store import read, reading

logger = logging.getLogger(__name__)

_COMPACT_AFTER_SEALS = 100
_TARGET_FILE_BYTES = 32 * 1024 * 1024
"""Larger files are left alone: with more, each compaction of a busy day would write most of the day anew."""
_VACUUM_HOURS = 24
_DIFFERENCES_NAMED = 10


@dataclasses.dataclass(frozen=True, slots=True)
class SealReport:
    """What one call sealed: sequence numbers after `first_seq` up to `last_seq`, in `commits` commits of the log."""

    first_seq: int
    last_seq: int
    count: int
    commits: int


@dataclasses.dataclass(frozen=True, slots=True)
class DayCheck:
    """One tenant and UTC day: is the lake what the store is, up to the sealed sequence number?"""

    tenant: str
    stored_date: dt.date
    store_count: int
    lake_count: int
    is_equal: bool
    differences: tuple[str, ...] = ()


def sealed_seq(home: Home) -> int:
    """The last sequence number in the lake; 0 before the first seal."""
    table = open_table(home)
    return 0 if table is None else watermark(table)


def size_bytes(home: Home) -> int:
    """Bytes of the files that the newest version consists of."""
    table = open_table(home)
    return 0 if table is None else int(sum(pa.table(table.get_add_actions())["size_bytes"].to_pylist()))


def seal_once(settings: Settings) -> SealReport:
    """Seal everything committed so far. Raises BusyError while another sealer is at work."""
    with elected(settings.home):
        return _seal(settings)


def seal_forever(settings: Settings, *, stop: threading.Event | None = None) -> None:
    """Seal every `seal_interval_seconds` until `stop` is set. A second sealer stands by until the first one ends."""
    stop = stop or threading.Event()
    is_waiting = False
    while not stop.is_set():
        try:
            with elected(settings.home):
                _follow(settings, stop)
        except BusyError:
            if not is_waiting:
                logger.info("another sealer is at work; standing by")
            is_waiting = True
            stop.wait(settings.seal_interval_seconds)


def compact(settings: Settings) -> dict[str, int]:
    """Join small files into large ones while readers go on; files replaced a day ago or earlier are removed."""
    with elected(settings.home):
        return _compact(settings.home)


def verify(settings: Settings) -> list[DayCheck]:
    """Compare store and lake by count and by hash for each tenant and day, up to the sealed sequence number."""
    table = open_table(settings.home)
    up_to = 0 if table is None else watermark(table)
    lake = {} if table is None else _lake_counts(table)
    with reading(settings) as connection:
        store = {(tenant, day): count for tenant, day, count in read.counts(connection, up_to=up_to)}
        checks = []
        for tenant, day in sorted(store.keys() | lake.keys()):
            in_store = _digest(read.day_rows(connection, tenant, day, up_to=up_to))
            in_lake = _digest(() if table is None else _lake_rows(table, tenant, day))
            differences: tuple[str, ...] = ()
            if in_store != in_lake:
                differences = _differences(
                    read.day_rows(connection, tenant, day, up_to=up_to),
                    () if table is None else _lake_rows(table, tenant, day),
                )
            checks.append(
                DayCheck(
                    tenant,
                    day,
                    store.get((tenant, day), 0),
                    lake.get((tenant, day), 0),
                    in_store == in_lake,
                    differences,
                )
            )
    return checks


def _follow(settings: Settings, stop: threading.Event) -> None:
    commits = 0
    with _Compaction(settings.home) as compaction:
        while not stop.is_set():
            report = _seal(settings, compaction.wait)
            if report.count:
                logger.info("sealed", extra={"statements": report.count, "last_seq": report.last_seq})
            commits += report.commits
            if commits >= _COMPACT_AFTER_SEALS and compaction.start():
                commits = 0
            stop.wait(settings.seal_interval_seconds)


class _Compaction:
    """Joins files in a thread of its own, beside the sealing: the log lets rows be added while others are joined."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def start(self) -> bool:
        """False while an earlier one is at work."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._thread = threading.Thread(target=self._run, name="lake-compaction")
        self._thread.start()
        return True

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            logger.info("compacted", extra=_compact(self._home))
        except (DeltaError, OSError):  # nothing is lost: the small files are still what the log names
            logger.exception("compaction failed")


def _seal(settings: Settings, settle: Callable[[], None] | None = None) -> SealReport:
    """Append ranges of sequence numbers until nothing is left. The log records each range's end with its rows.

    Removals that are decided are done first: of their statements none comes into the lake again. They clear away every file that
    the log does not name, so `settle` waits for whoever writes some.
    The store commits in the order of the sequence, so everything up to the newest one seen is there to be read.
    """
    try:
        if removal.is_due(settings):
            if settle is not None:
                settle()
            removal.finish(settings)
    except BusyError as error:  # it stays in the journal, and is tried again in the next round
        logger.warning("a removal is not finished: %s", error.what)
    table = open_table(settings.home) or create_table(settings.home)
    first = done = watermark(table)
    secret = identity_secret(settings.home)
    count = commits = 0
    with reading(settings) as connection:
        up_to, _ = read.last_position(connection)
        while rows := read.in_sequence(
            connection, after=done, up_to=up_to, limit=settings.seal_max_statements
        ):
            last = rows[-1].seq
            write_deltalake(
                table,
                to_table(rows, secret=secret),
                mode="append",
                writer_properties=WRITER,
                commit_properties=CommitProperties(app_transactions=[Transaction(SEAL, last)]),
            )
            done, count, commits = last, count + len(rows), commits + 1
    return SealReport(first, done, count, commits)


def _compact(home: Home) -> dict[str, int]:
    table = open_table(home)
    if table is None:
        return {"files_added": 0, "files_removed": 0, "files_deleted": 0}
    result = table.optimize.compact(target_size=_TARGET_FILE_BYTES, writer_properties=WRITER)
    deleted = table.vacuum(retention_hours=_VACUUM_HOURS, enforce_retention_duration=False, dry_run=False)
    table.cleanup_metadata()
    return {
        "files_added": int(result["numFilesAdded"]),
        "files_removed": int(result["numFilesRemoved"]),
        "files_deleted": len(deleted),
    }


def _lake_counts(table: DeltaTable) -> dict[tuple[str, dt.date], int]:
    actions = pa.table(table.get_add_actions(flatten=True))
    found: dict[tuple[str, dt.date], int] = {}
    for tenant, day, count in zip(
        actions["partition.tenant"].to_pylist(),
        actions["partition.stored_date"].to_pylist(),
        actions["num_records"].to_pylist(),
        strict=True,
    ):
        found[tenant, day] = found.get((tenant, day), 0) + count
    return found


def _lake_rows(table: DeltaTable, tenant: str, day: dt.date) -> Iterator[tuple[int, bytes]]:
    dataset = table.to_pyarrow_dataset(
        partitions=[("tenant", "=", tenant), ("stored_date", "=", day.isoformat())]
    )
    for batch in dataset.to_batches(columns=["seq", "raw"], batch_size=10_000):
        yield from zip(batch["seq"].to_pylist(), batch["raw"].cast(pa.binary()).to_pylist(), strict=True)


def _digest(rows: Iterable[tuple[int, bytes]]) -> tuple[int, int]:
    """(number of rows, sum of their hashes): the same in whatever order the rows come."""
    count = total = 0
    for seq, raw in rows:
        count += 1
        total += _row_hash(seq, raw)
    return count, total % 2**128


def _row_hash(seq: int, raw: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(b"%d\n%s" % (seq, raw), digest_size=16).digest(), "big")


def _differences(store: Iterable[tuple[int, bytes]], lake: Iterable[tuple[int, bytes]]) -> tuple[str, ...]:
    """The first sequence numbers that are missing, twice or different in the lake."""
    expected = {seq: _row_hash(seq, raw) for seq, raw in store}
    found: list[str] = []
    seen: set[int] = set()
    for seq, raw in lake:
        if seq in seen:
            found.append(f"seq {seq} is in the lake twice")
        elif seq not in expected:
            found.append(f"seq {seq} is in the lake and not in the store")
        elif expected[seq] != _row_hash(seq, raw):
            found.append(f"seq {seq} differs")
        seen.add(seq)
    found += [f"seq {seq} is in the store and not in the lake" for seq in sorted(expected.keys() - seen)]
    return tuple(found[:_DIFFERENCES_NAMED])
