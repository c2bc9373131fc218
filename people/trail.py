"""The audit trail read back: verified, searched, purged. Appending is `learnlake.audit`'s."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import sqlite3
from collections.abc import Iterator, Sequence

from learnlake import audit
from learnlake.audit import AuditEntry, Head
from learnlake.clock import utc_now
from learnlake.errors import InputError, StoreError
from learnlake.home import Home
from people import trail_places
from people.trail_places import Problem

_COLUMNS = "number, at, tenant, actor_key, action, resource, source, result, previous, hash"
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What reading a damaged file raises; the second where SQLite's own message quotes the damage."""
_MEND = "keep the file as it is, compare it with the newest backup and ask who could write to it"


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stands in audit.db. `at` is UTC, ISO 8601."""

    number: int
    at: str
    tenant: str
    actor_key: str
    action: str
    resource: str
    source: str
    result: str
    previous: str
    hash: str

    def is_genuine(self, secret: bytes, *, number: int | None = None) -> bool:
        """Whether the hash fits the contents, at the number that it stands at or at another one."""
        told = AuditEntry(self.tenant, self.actor_key, self.action, self.resource, self.source, self.result)
        place = self.number if number is None else number
        return audit.entry_hash(secret, self.previous, place, self.at, told) == self.hash


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found: `count` readable entries, the `purged` part's last number, and every problem by place."""

    count: int
    purged: int
    head: Head | None
    problems: tuple[Problem, ...]


def verify(home: Home, *, noted: Head | None = None) -> Verdict:
    """Check every entry, their order and their end; `noted` is a head that was written down elsewhere before.

    Found: any entry changed, removed, put in, moved or swapped, and a trail cut short since the last noted head. Not found:
    a trail, its head and its key all put back to an earlier state, unless `noted` is from after it.
    """
    if not home.audit_db.exists():
        return _without_trail(home, noted)
    secret, head = audit.audit_secret(home), audit.read_head(home)
    problems: list[Problem] = []
    with contextlib.closing(_reading(home)) as connection:
        connection.execute(
            "begin"
        )  # one view of the stub and the entries, however many are appended meanwhile
        start, stub_problems = _start(connection, secret)
        problems += stub_problems
        entries = _Reader(connection)
        walk = trail_places.Walk(secret, start, [known for known in (head, noted) if known])
        for entry in entries:
            walk.take(entry)
        problems += entries.problems
    if head is None and (walk.count or start.number):
        problems.append(
            Problem(None, "the head of the trail (audit.head) is gone: nobody knows where it ended")
        )
    problems += walk.conclude()
    return Verdict(walk.count, start.number, head, tuple(problems))


def search(
    home: Home,
    *,
    tenant: str | None = None,
    actor: str | None = None,
    person: str | None = None,
    action: str | None = None,
    resource: str | None = None,
    result: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 1000,
) -> list[Entry]:
    """The newest `limit` entries that fit everything given, newest first.

    `person` finds who acted and whose record it was; `action` is the beginning of one, `resource` a part of one; `since` and `until` are ISO dates or
    times in UTC, `until` as a date taking in the whole day.
    """
    where: dict[str, list[str]] = {}
    if tenant is not None:
        where["tenant = ?"] = [tenant]
    if actor is not None:
        where["actor_key = ?"] = [actor]
    if person is not None:
        # Keys stand in a resource alone or among others, with blanks, commas or colons around them
        where["(actor_key = ? or instr(resource, ?) > 0)"] = [person, person]
    if action is not None:
        where["substr(action, 1, length(?)) = ?"] = [action, action]
    if resource is not None:
        where["instr(resource, ?) > 0"] = [resource]
    if result is not None:
        where["result = ?"] = [result]
    if since is not None:
        where["at >= ?"] = [_moment(since, "--since")]
    if until is not None:
        where["at < ?"] = [_moment(until, "--until", is_end=True)]
    if not home.audit_db.exists():
        return []
    condition = " and ".join(where) or "true"
    query = f"select {_COLUMNS} from entry where {condition} order by number desc limit ?"
    with contextlib.closing(_reading(home)) as connection:
        values = [value for group in where.values() for value in group]
        return [Entry(*row) for row in connection.execute(query, (*values, limit))]


def actions(home: Home, *, tenant: str | None = None) -> list[str]:
    """Every action that the trail knows, in the alphabet's order."""
    if not home.audit_db.exists():
        return []
    condition, values = ("tenant = ?", (tenant,)) if tenant is not None else ("true", ())
    with contextlib.closing(_reading(home)) as connection:
        rows = connection.execute(f"select distinct action from entry where {condition} order by 1", values)
        return [row[0] for row in rows]


def purge(home: Home, *, before: dt.date, actor_key: str) -> int:
    """Remove all entries from before the day `before` (UTC) for good; answers how many.

    A sealed stub of the removed part stays, so that the rest still verifies. StoreError for a trail with a fault: purging
    would take the traces with it.
    """
    found = verify(home)
    if found.problems:
        raise StoreError(
            "The audit trail has a fault, and purging would remove its traces",
            where="\n         ".join(str(problem) for problem in found.problems[:10]),
            mend=_MEND,
        )
    if not found.count:
        return 0
    with audit.writing(home) as connection:
        # The oldest that stays: later entries stay too, even where the clock was set back in between
        kept = connection.execute(
            "select min(number) from entry where at >= ?", (before.isoformat(),)
        ).fetchone()[0]
        bound = "" if kept is None else f" where number < {int(kept)}"
        first, last, count = connection.execute(
            f"select min(at), max(number), count(*) from entry{bound}"
        ).fetchone()
        if not count:
            return 0
        digest, last_at = connection.execute(
            "select hash, at from entry where number = ?", (last,)
        ).fetchone()
        earlier = connection.execute("select first_at from purged").fetchone()
        stub = (last, digest, earlier[0] if earlier else first, last_at, utc_now().isoformat())
        entry = AuditEntry("", actor_key, "purge-audit", f"entries:{last - count + 1}-{last}", "people")
        head = audit.insert(home, connection, entry)
        connection.execute("delete from purged")
        connection.execute(
            "insert into purged values (?, ?, ?, ?, ?, ?)",
            (*stub, audit.sealed(audit.audit_secret(home), "purged", *stub)),
        )
        connection.execute("delete from entry where number <= ?", (last,))
    audit.note_head(home, head)
    with contextlib.closing(sqlite3.connect(home.audit_db, timeout=30, isolation_level=None)) as connection:
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")
    return int(count)


def parse_head(text: str) -> Head:
    """A head as `learnlake audit head` prints it. InputError for anything else."""
    number, _, digest = text.strip().partition(":")
    if not number.isdigit() or len(digest) != len(audit.GENESIS):
        raise InputError(
            f"{text!r} is not a head", mend="give NUMBER:HASH as `learnlake audit head` prints it"
        )
    return Head(int(number), digest)


def _reading(home: Home) -> sqlite3.Connection:
    connection = sqlite3.connect(home.audit_db, timeout=30, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    return connection


def _without_trail(home: Home, noted: Head | None) -> Verdict:
    head = noted or audit.read_head(home)
    gone = Problem(None, f"audit.db is gone; it had at least {head.number} entries" if head else "")
    return Verdict(0, 0, head, (gone,) if head else ())


def _start(connection: sqlite3.Connection, secret: bytes) -> tuple[Head, list[Problem]]:
    """What the first entry follows: nothing, or the purged part's last one."""
    try:
        rows = connection.execute(
            "select up_to, hash, first_at, last_at, purged_at, seal from purged"
        ).fetchall()
    except _DAMAGE as error:
        return Head(0, audit.GENESIS), [Problem(None, f"the stub of the purged part cannot be read: {error}")]
    if not rows:
        return Head(0, audit.GENESIS), []
    *stub, seal = max(rows, key=repr)
    if len(rows) > 1 or audit.sealed(secret, "purged", *stub) != seal:
        return Head(0, audit.GENESIS), [Problem(None, "the stub of the purged part was changed")]
    return Head(stub[0], stub[1]), []


class _Reader:
    """The entries by number, as far as the file can be read: from the front up to damage, then from the back down to it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.problems: list[Problem] = []

    def __iter__(self) -> Iterator[Entry]:
        last = -1
        try:
            for row in self._connection.execute(f"select {_COLUMNS} from entry order by number"):
                last = row[0]
                yield Entry(*row)
        except _DAMAGE as error:
            behind = list(self._behind(last))
            reach = f"up to {behind[0].number}" if behind else "to the end"
            self.problems.append(
                Problem(last + 1, f"the file is damaged after entry {max(last, 0)} {reach}: {error}")
            )
            yield from behind

    def _behind(self, last: int) -> Sequence[Entry]:
        found: list[Entry] = []
        with contextlib.suppress(*_DAMAGE):  # told by the caller: it reads up to where it can
            for row in self._connection.execute(
                f"select {_COLUMNS} from entry where number > ? order by number desc", (last,)
            ):
                found.append(Entry(*row))
        return found[::-1]


def _moment(text: str, option: str, *, is_end: bool = False) -> str:
    try:
        if len(text) == len("2026-01-01"):
            day = dt.date.fromisoformat(text)
            return (day + dt.timedelta(days=1) if is_end else day).isoformat()
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a time", where=option, mend="write 2026-11-20 or 2026-11-20T08:30:00"
        ) from error
    utc = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    return utc.isoformat(timespec="milliseconds")
