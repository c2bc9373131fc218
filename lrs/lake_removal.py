"""Taking rows out of the lake: only files that hold them are written anew, and the old ones go at once, not after a day."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction

from learnlake.home import Home
from lrs.delta import CONFIGURATION, LOG_RETENTION, REMOVAL, WRITER, open_table

_SINGLES = 20_000
_RUNS = 100
_RUN_LENGTH = 8


def remove_rows(
    home: Home,
    *,
    tenant: str,
    seqs: Sequence[int],
    number: int,
    progress: Callable[[int], None],
) -> int:
    """Remove the rows with these sequence numbers (rising); how many there were.

    The caller holds the sealer's lock. Done again after a crash it ends the same. `number` of the removal goes into the
    log with it, so that whoever builds from the lake notices. `progress` gets how many of `seqs` are settled.
    """
    table = open_table(home)
    if table is None:
        return 0
    removed = settled = 0
    days = _days(table, tenant, seqs)
    among = ", ".join(f"date '{day.isoformat()}'" for day in days)
    for condition, count in _conditions(seqs) if days else ():
        result = table.delete(
            f"tenant = '{tenant}' and stored_date in ({among}) and ({condition})",
            writer_properties=WRITER,
            commit_properties=CommitProperties(app_transactions=[Transaction(REMOVAL, number)]),
        )
        removed += int(result["num_deleted_rows"] or 0)
        settled += count
        progress(settled)
    _forget_history(table)
    return removed


def _forget_history(table: DeltaTable) -> None:
    """Old versions go at once: their files hold the removed rows, their log entries hashes of actors as least and greatest values."""
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
    table.alter.set_table_properties({LOG_RETENTION: "interval 0 seconds"})
    table.create_checkpoint()
    table.cleanup_metadata()
    table.alter.set_table_properties({LOG_RETENTION: CONFIGURATION[LOG_RETENTION]})


def _days(table: DeltaTable, tenant: str, seqs: Sequence[int]) -> list[dt.date]:
    """The days whose files may hold one of `seqs`, by the least and greatest `seq` that the log keeps per file."""
    found = set()
    actions = pa.table(table.get_add_actions(flatten=True))
    wanted = ("partition.tenant", "partition.stored_date", "min.seq", "max.seq")
    for owner, day, least, greatest in zip(*(actions[name].to_pylist() for name in wanted), strict=True):
        position = bisect.bisect_left(seqs, least)
        if owner == tenant and position < len(seqs) and seqs[position] <= greatest:
            found.add(day)
    return sorted(found)


def _conditions(seqs: Sequence[int]) -> Iterator[tuple[str, int]]:
    """SQL conditions that together name exactly `seqs`, each with how many it names; runs of numbers as ranges."""
    runs: list[tuple[int, int]] = []
    singles: list[int] = []
    count = 0
    for first, last in _runs(seqs):
        length = last - first + 1
        if length < _RUN_LENGTH:
            singles += range(first, last + 1)
        else:
            runs.append((first, last))
        count += length
        if len(singles) >= _SINGLES or len(runs) >= _RUNS:
            yield _condition(singles, runs), count
            runs, singles, count = [], [], 0
    if count:
        yield _condition(singles, runs), count


def _condition(singles: Sequence[int], runs: Sequence[tuple[int, int]]) -> str:
    parts = [f"seq between {first} and {last}" for first, last in runs]
    if singles:
        parts.append(f"seq in ({', '.join(map(str, singles))})")
    return " or ".join(parts)


def _runs(seqs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of each unbroken run of rising numbers."""
    first = last = None
    for seq in seqs:
        if first is None or last is None:
            first = last = seq
        elif seq == last + 1:
            last = seq
        else:
            yield first, last
            first = last = seq
    if first is not None and last is not None:
        yield first, last
