"""The audit trail's append: who did what to whose record, each entry sealed together with the one before.

Entries name people by key only. Searching, verifying and purging live in `people.trail`; every room may append.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from learnlake.clock import utc_now
from learnlake.home import Home
from learnlake.locks import waiting_for
from learnlake.sqlite import write_ahead

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
) strict;
create table if not exists purged (
    up_to       integer primary key,
    hash        text not null,
    first_at    text not null,
    last_at     text not null,
    purged_at   text not null,
    seal        text not null
) strict;
"""
GENESIS = "0" * 64
"""What the first entry follows."""


@dataclasses.dataclass(frozen=True, slots=True)
class AuditEntry:
    """What happened. `actor_key` and `resource` hold keys, never names; `source` is an address or a program."""

    tenant: str
    actor_key: str
    action: str
    resource: str
    source: str
    result: str = "allowed"


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """The number and hash of the newest entry, kept outside audit.db so that a trail cut short is noticed."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def operator_key() -> str:
    """Who sits at the command line: the system's user id."""
    return f"operator:{os.getuid()}"


def entry_hash(secret: bytes, previous: str, number: int, at: str, entry: AuditEntry) -> str:
    """HMAC-SHA256 over the entry before and everything in this one: who lacks the key can't write one that fits."""
    return sealed(secret, previous, number, at, *dataclasses.astuple(entry))


def sealed(secret: bytes, *fields: object) -> str:
    """HMAC-SHA256 over `fields` in order, in hex."""
    text = json.dumps(fields, separators=(",", ":"), default=repr)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def audit_secret(home: Home) -> bytes:
    """The key of every entry's hash."""
    return home.secret("audit")


def append(audit_db: Path, entry: AuditEntry) -> int:
    """Add `entry` durably and answer its number. Writers of several processes take turns."""
    home = Home(audit_db.parent)
    with writing(home) as connection:
        head = insert(home, connection, entry)
    note_head(home, head)
    return head.number


@contextlib.contextmanager
def writing(home: Home) -> Iterator[sqlite3.Connection]:
    """One transaction on audit.db that holds the write lock from its start; kept only when the block ends well."""
    home.path.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(home.audit_db, timeout=30, isolation_level=None)) as connection:
        write_ahead(connection)
        connection.execute("pragma synchronous=full")
        connection.execute("pragma secure_delete=on")
        connection.executescript(_SCHEMA)
        connection.execute("begin immediate")
        yield connection
        connection.execute("commit")


def insert(home: Home, connection: sqlite3.Connection, entry: AuditEntry) -> Head:
    """Put `entry` at the end of the chain, inside the caller's transaction."""
    last = connection.execute("select number, hash from entry order by number desc limit 1").fetchone()
    number, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
    at = utc_now().isoformat(timespec="milliseconds")
    digest = entry_hash(audit_secret(home), previous, number, at, entry)
    connection.execute(
        "insert into entry values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, at, *dataclasses.astuple(entry), previous, digest),
    )
    return Head(number, digest)


def read_head(home: Home) -> Head | None:
    """The head as last noted; None before the first entry, or where the file is gone or unreadable."""
    try:
        number, _, digest = home.audit_head.read_text().strip().partition(":")
        return Head(int(number), digest)
    except (FileNotFoundError, ValueError):
        return None


def note_head(home: Home, head: Head) -> None:
    """Note `head` unless a later one is noted. It may lag behind a process that was killed, and never runs ahead."""
    with waiting_for(home.run / "audit-head.lock"):
        known = read_head(home)
        if known is not None and known.number >= head.number:
            return
        draft = home.audit_head.with_suffix(".draft")
        with draft.open("w") as file:
            file.write(f"{head}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(home.audit_head)
