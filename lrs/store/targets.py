"""What the store keeps of forwarding: targets with their watermarks, and the dead letters with their reasons."""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from lrs.store.database import Connection
from lrs.store.read import Row, last_position

_COLUMNS = "number, name, tenant, kind, url, login, secret, filters, is_paused, from_seq, after_seq, sent, failures, retry_at, last_error"
_REASON_LENGTH = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where statements go: those with from_seq < seq <= after_seq were sent or refused. secret: `env:NAME` or `file:PATH`.

    retry_at: microseconds; nothing is sent before then.
    """

    number: int
    name: str
    tenant: str
    kind: str
    url: str
    login: str
    secret: str
    filters: Mapping[str, Any]
    is_paused: bool
    from_seq: int
    after_seq: int
    sent: int
    failures: int
    retry_at: int
    last_error: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeadLetter:
    """A statement that a target refused. `refused` in microseconds since 1970; is_resent: it is to be sent once more."""

    target: str
    statement_id: uuid.UUID
    status: int
    reason: str
    refused: int
    is_resent: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """A target's figures for metrics: how far it is behind in sequence numbers, what was sent, what lies dead."""

    name: str
    lag: int
    sent: int
    dead: int
    failures: int
    is_paused: bool


def targets(connection: Connection) -> list[Target]:
    """All targets, by name."""
    return [_target(row) for row in connection.rows(f"select {_COLUMNS} from forward_target order by name")]


def named(connection: Connection, name: str) -> Target | None:
    rows = connection.rows(f"select {_COLUMNS} from forward_target where name = ?", (name,))
    return _target(rows[0]) if rows else None


def by_number(connection: Connection, number: int) -> Target | None:
    rows = connection.rows(f"select {_COLUMNS} from forward_target where number = ?", (number,))
    return _target(rows[0]) if rows else None


def add(
    connection: Connection,
    *,
    name: str,
    tenant: str,
    kind: str,
    url: str,
    login: str,
    secret: str,
    filters: Mapping[str, Any],
    is_from_start: bool,
) -> None:
    """Write a new target; it begins with what is stored next, or with the first statement."""
    with connection.writing():
        after = 0 if is_from_start else last_position(connection)[0]
        connection.execute(
            "insert into forward_target (number, name, tenant, kind, url, login, secret, filters, from_seq, after_seq)"
            " select coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ? from forward_target",
            (name, tenant, kind, url, login, secret, json.dumps(dict(filters)), after, after),
        )


def set_paused(connection: Connection, name: str, *, is_paused: bool) -> None:
    """Pause or resume; a resumed target is tried at once."""
    with connection.writing():
        connection.execute(
            "update forward_target set is_paused = ?, failures = 0, retry_at = 0 where name = ?",
            (int(is_paused), name),
        )


def remove(connection: Connection, number: int) -> None:
    with connection.writing():
        connection.execute("delete from forward_dead where target = ?", (number,))
        connection.execute("delete from forward_target where number = ?", (number,))


def advance(connection: Connection, number: int, seq: int, *, sent: int) -> None:
    """Everything up to `seq` is settled; `sent` statements of it were delivered now."""
    with connection.writing():
        connection.execute(
            "update forward_target set after_seq = ?, sent = sent + ?, failures = 0, retry_at = 0, last_error = ''"
            " where number = ? and after_seq < ?",
            (seq, sent, number, seq),
        )


def failed(connection: Connection, number: int, *, error: str, pause_seconds: float) -> None:
    """A delivery did not come about; the next one is due after the pause."""
    with connection.writing():
        connection.execute(
            "update forward_target set failures = failures + 1, retry_at = ?, last_error = ? where number = ?",
            (time.time_ns() // 1000 + int(pause_seconds * 1_000_000), error[:_REASON_LENGTH], number),
        )


def bury(connection: Connection, number: int, seq: int, *, status: int, reason: str) -> None:
    """The target refused this statement: keep it with the reason and go on behind it, in one transaction."""
    with connection.writing():
        connection.execute(
            "insert into forward_dead (target, seq, status, reason, refused) values (?, ?, ?, ?, ?)"
            " on conflict (target, seq) do update set status = excluded.status, reason = excluded.reason,"
            " refused = excluded.refused, is_resent = 0",
            (number, seq, status, reason[:_REASON_LENGTH], time.time_ns() // 1000),
        )
        connection.execute(
            "update forward_target set after_seq = ? where number = ? and after_seq < ?", (seq, number, seq)
        )


def raise_up(connection: Connection, number: int, seq: int) -> None:
    """A dead letter was taken after all."""
    with connection.writing():
        connection.execute("delete from forward_dead where target = ? and seq = ?", (number, seq))
        connection.execute(
            "update forward_target set sent = sent + 1, failures = 0, retry_at = 0, last_error = '' where number = ?",
            (number,),
        )


def dead_letters(connection: Connection, name: str | None = None) -> list[DeadLetter]:
    """What targets refused, oldest first."""
    condition, parameters = ("where t.name = ?", [name]) if name else ("", [])
    return [
        DeadLetter(target, uuid.UUID(bytes=bytes(statement_id)), status, reason, refused, bool(is_resent))
        for target, statement_id, status, reason, refused, is_resent in connection.rows(
            "select t.name, s.id, d.status, d.reason, d.refused, d.is_resent from forward_dead d"
            f" join forward_target t on t.number = d.target join statement s on s.seq = d.seq {condition}"
            " order by d.seq",
            parameters,
        )
    ]


def refused(connection: Connection, number: int) -> set[int]:
    """Sequence numbers of the statements that the target did not take."""
    return {seq for (seq,) in connection.rows("select seq from forward_dead where target = ?", (number,))}


def resend(connection: Connection, target: Target, ids: Sequence[uuid.UUID]) -> int:
    """Mark dead letters (all of the target, or those with these ids) to be sent once more; how many."""
    with connection.writing():
        if not ids:
            return connection.execute(
                "update forward_dead set is_resent = 1 where target = ?", (target.number,)
            )
        return sum(
            connection.execute(
                "update forward_dead set is_resent = 1 where target = ? and seq ="
                " (select seq from statement where id = ? and tenant = ?)",
                (target.number, item.bytes, target.tenant),
            )
            for item in ids
        )


def to_resend(connection: Connection, number: int, *, limit: int) -> list[Row]:
    """Dead letters that are to be sent once more."""
    return [
        Row(seq, tenant, bytes(statement_id), stored, bytes(raw))
        for seq, tenant, statement_id, stored, raw in connection.rows(
            "select s.seq, s.tenant, s.id, s.stored, s.raw from forward_dead d join statement s on s.seq = d.seq"
            " where d.target = ? and d.is_resent = 1 order by d.seq limit ?",
            (number, limit),
        )
    ]


def standings(connection: Connection) -> list[Standing]:
    """How every target stands."""
    newest, _ = last_position(connection)
    return [
        Standing(name, max(0, newest - after), sent, dead, failures, bool(is_paused))
        for name, after, sent, failures, is_paused, dead in connection.rows(
            "select t.name, t.after_seq, t.sent, t.failures, t.is_paused,"
            " (select count(*) from forward_dead d where d.target = t.number) from forward_target t order by t.name"
        )
    ]


def _target(row: Sequence[Any]) -> Target:
    number, name, tenant, kind, url, login, secret, filters, is_paused, *rest = row
    return Target(number, name, tenant, kind, url, login, secret, json.loads(filters), bool(is_paused), *rest)
