"""Guessing is slowed down: tries are counted before they are judged, and a name is locked ever longer. What is guessed is not known here."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Literal

from sqlalchemy import Connection, Engine, delete, insert, select, update

from learnlake.errors import AccessError
from people.db import now, writing
from people.tables import login_failure

Guessed = Literal["passwords", "codes"]
FREE_FAILURES = 5
"""Wrong tries in a row before a name is locked."""
FIRST_LOCK_SECONDS = 30
"""The first lock; each further wrong try doubles it, up to LONGEST_LOCK_SECONDS."""
LONGEST_LOCK_SECONDS = 3600
FAILURES_FORGOTTEN = dt.timedelta(days=1)


def count(engine: Engine, name: str, *, of: Guessed = "passwords") -> None:
    """Count one try of `name`, so that many at once are counted too; AccessError while it is locked."""
    at, failed = now(), login_failure.c
    key = failure_key(name, of)
    this = failed.login_hash == key
    with writing(engine) as connection:
        connection.execute(delete(login_failure).where(failed.last_at < at - FAILURES_FORGOTTEN))
        row = connection.execute(select(failed.failure_count, failed.locked_until).where(this)).first()
        if row and row.locked_until and row.locked_until > at:
            wait = int((row.locked_until - at).total_seconds()) + 1
            raise AccessError(f"Too many wrong {of}", mend=f"wait {wait} s, then try again")
        failure_count = row.failure_count + 1 if row else 1
        values = {"failure_count": failure_count, "last_at": at, "locked_until": _lock(failure_count, at)}
        if row:
            connection.execute(update(login_failure).where(this).values(**values))
        else:
            connection.execute(insert(login_failure).values(login_hash=key, **values))


def forgive(connection: Connection, name: str, *, of: Guessed = "passwords") -> None:
    """Forget the wrong tries of `name`: the right one came, or an administrator lifted the lock."""
    connection.execute(delete(login_failure).where(login_failure.c.login_hash == failure_key(name, of)))


def locked(connection: Connection, names: Iterable[str]) -> dict[str, dt.datetime]:
    """Those of `names` whose passwords are locked now, and until when (UTC)."""
    failed = login_failure.c
    held = {
        row.login_hash: row.locked_until
        for row in connection.execute(
            select(failed.login_hash, failed.locked_until).where(failed.locked_until > now())
        )
    }
    return {name: held[key] for name in names if held and (key := failure_key(name, "passwords")) in held}


def take_back(engine: Engine, name: str) -> None:
    """Count the last try of `name` no more: nobody could judge it."""
    failed = login_failure.c
    this = failed.login_hash == failure_key(name, "passwords")
    values = {"failure_count": failed.failure_count - 1, "locked_until": None}
    with writing(engine) as connection:
        connection.execute(update(login_failure).where(this).values(**values))


def _lock(failure_count: int, at: dt.datetime) -> dt.datetime | None:
    if failure_count < FREE_FAILURES:
        return None
    seconds = FIRST_LOCK_SECONDS * 2 ** min(failure_count - FREE_FAILURES, 16)
    return at + dt.timedelta(seconds=min(seconds, LONGEST_LOCK_SECONDS))


def failure_key(name: str, of: Guessed) -> str:
    """A mistyped log-in may be a password, so its hash; what is guessed keeps names apart that look alike."""
    return hashlib.sha256(name.encode()).hexdigest() if of == "passwords" else f"{of}:{name}"
