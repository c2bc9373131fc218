"""The audit trail's append: who did what to whose record, each entry chained by hash to the one before.

Entries name people by key only. Searching, verifying and purging live in `people`; every room may append.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from pathlib import Path

from learnlake.clock import utc_now

_SCHEMA = """
create table if not exists entry (
    number      integer primary key,
    at          text not null,
    tenant      text not null,
    actor_key   text not null,
    action      text not null,
    resource    text not null,
    source      text not null,
    result      text not null,
    previous    text not null,
    hash        text not null
) strict
"""
GENESIS = "0" * 64


@dataclasses.dataclass(frozen=True, slots=True)
class AuditEntry:
    """What happened. `actor_key` and `resource` hold keys, never names; `source` is an address or a program."""

    tenant: str
    actor_key: str
    action: str
    resource: str
    source: str
    result: str = "allowed"


def entry_hash(previous: str, number: int, at: str, entry: AuditEntry) -> str:
    """SHA-256 over the entry before and everything in this one."""
    fields = [previous, number, at, *dataclasses.astuple(entry)]
    return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()


def append(audit_db: Path, entry: AuditEntry) -> int:
    """Add `entry` durably and answer its number. Writers of several processes take turns."""
    audit_db.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(audit_db, timeout=30, isolation_level=None) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute(_SCHEMA)
        connection.execute("begin immediate")
        last = connection.execute("select number, hash from entry order by number desc limit 1").fetchone()
        number, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
        at = utc_now().isoformat(timespec="milliseconds")
        connection.execute(
            "insert into entry values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, at, *dataclasses.astuple(entry), previous, entry_hash(previous, number, at, entry)),
        )
        connection.execute("commit")
    connection.close()
    return number
