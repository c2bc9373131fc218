"""Reading statements: by id, by filters, in sequence for the sealer and the export, and counts."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from lrs.store.database import Connection
from lrs.store.moment import DAY_MICROSECONDS, stored_date

_PROBE = 1000
"""Rows of a key that are counted to find the rarest one, which a query then walks."""


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """A search of one tenant's statements.

    keys: filter keys that a statement must all have. since (exclusive), until (inclusive): `stored` in microseconds.
    after: continue behind this sequence number (below it when descending). newest_seq: ignore what came later, so that a
    walk over pages is stable. credential: only what this credential stored; `authority` is the key that its statements have.
    """

    tenant: str
    keys: Sequence[int] = ()
    since: int | None = None
    until: int | None = None
    ascending: bool = False
    limit: int = 100
    after: int | None = None
    newest_seq: int | None = None
    credential: int | None = None
    authority: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A stored statement as the sealer and the export take it."""

    seq: int
    tenant: str
    id: bytes
    stored: int
    raw: bytes


def find(connection: Connection, tenant: str, statement_id: bytes) -> tuple[bytes, bool, int, int] | None:
    """(JSON, is voided, stored, credential) of one statement."""
    rows = connection.rows(
        "select raw, is_voided, stored, credential from statement where id = ? and tenant = ?",
        (statement_id, tenant),
    )
    if not rows:
        return None
    raw, is_voided, stored, credential = rows[0]
    return bytes(raw), bool(is_voided), stored, credential


def last_position(connection: Connection) -> tuple[int, int]:
    """(seq, stored) of the newest committed statement; zeros in an empty store."""
    ((seq, stored),) = connection.rows("select last_seq, last_stored from sequence")
    return seq, stored


def behind(connection: Connection, seq: int) -> tuple[int, float]:
    """How many sequence numbers, and seconds of `stored`, lie between `seq` and the newest committed statement."""
    last_seq, last_stored = last_position(connection)
    if seq >= last_seq:
        return 0, 0.0
    rows = connection.rows("select stored from statement where seq <= ? order by seq desc limit 1", (seq,))
    rows = rows or connection.rows("select stored from statement order by seq limit 1")
    return last_seq - seq, (last_stored - rows[0][0]) / 1_000_000 if rows else 0.0


def search(connection: Connection, query: Query) -> list[tuple[int, bytes]]:
    """(seq, JSON) of at most `limit` statements, in the order of `stored`, voided ones left out."""
    conditions, values = ["s.tenant = ?", "s.is_voided = 0"], [query.tenant]
    parameters: list[Any] = []
    keys = _rarest_first(
        connection,
        list(dict.fromkeys([*query.keys, *([] if query.authority is None else [query.authority])])),
    )
    if keys:
        source = "link k0"
        position = "k0.seq"
        heads = ["k0.key = ?"]
        parameters.append(keys[0])
        for number, key in enumerate(keys[1:], start=1):
            source += f" cross join link k{number}"
            heads.append(f"k{number}.key = ? and k{number}.seq = k0.seq")
            parameters.append(key)
        source += " cross join statement s"
        conditions = [*heads, "s.seq = k0.seq", *conditions]
    else:
        source, position = "statement s", "s.stored"
    parameters += values
    low, high = _bounds(connection, query)
    if not keys:  # walk the index on `stored`, which rises with seq, from the bound itself
        low, high = _stored_at(connection, low, ">="), _stored_at(connection, high, "<=")
    for bound, sign in ((low, ">="), (high, "<=")):
        if bound is not None:
            conditions.append(f"{position} {sign} ?")
            parameters.append(bound)
    if query.credential is not None:
        conditions.append("s.credential = ?")
        parameters.append(query.credential)
    order = "asc" if query.ascending else "desc"
    sql = f"select s.seq, s.raw from {source} where {' and '.join(conditions)} order by {position} {order} limit ?"
    return [(seq, bytes(raw)) for seq, raw in connection.rows(sql, [*parameters, query.limit])]


def _stored_at(connection: Connection, seq: int | None, sign: str) -> int | None:
    """`stored` of the nearest statement at or beyond `seq`; a time that excludes everything if there is none."""
    if seq is None:
        return None
    order, beyond = ("asc", 2**62) if sign == ">=" else ("desc", 0)
    rows = connection.rows(
        f"select stored from statement where seq {sign} ? order by seq {order} limit 1", (seq,)
    )
    return int(rows[0][0]) if rows else beyond


def _rarest_first(connection: Connection, keys: list[int]) -> list[int]:
    if len(keys) < 2:
        return keys
    sql = f"select count(*) from (select 1 from link where key = ? limit {_PROBE}) p"
    return sorted(keys, key=lambda key: connection.rows(sql, (key,))[0][0])


def _bounds(connection: Connection, query: Query) -> tuple[int | None, int | None]:
    """`since`, `until`, `after` and `newest_seq` as the lowest and the highest sequence number asked for."""
    lows, highs = [], []
    if query.since is not None:
        rows = connection.rows(
            "select seq from statement where tenant = ? and stored > ? order by stored asc limit 1",
            (query.tenant, query.since),
        )
        lows.append(rows[0][0] if rows else last_position(connection)[0] + 1)
    if query.until is not None:
        rows = connection.rows(
            "select seq from statement where tenant = ? and stored <= ? order by stored desc limit 1",
            (query.tenant, query.until),
        )
        highs.append(rows[0][0] if rows else 0)
    if query.after is not None:
        if query.ascending:
            lows.append(query.after + 1)
        else:
            highs.append(query.after - 1)
    if query.newest_seq is not None:
        highs.append(query.newest_seq)
    return (max(lows) if lows else None, min(highs) if highs else None)


def in_sequence(connection: Connection, *, after: int, up_to: int, limit: int) -> list[Row]:
    """The statements after sequence number `after`, at most `limit`, voided ones too (the lake keeps them)."""
    return [
        Row(seq, tenant, bytes(statement_id), stored, bytes(raw))
        for seq, tenant, statement_id, stored, raw in connection.rows(
            "select seq, tenant, id, stored, raw from statement where seq > ? and seq <= ? order by seq limit ?",
            (after, up_to, limit),
        )
    ]


def day_rows(connection: Connection, tenant: str, day: dt.date, *, up_to: int) -> Iterator[tuple[int, bytes]]:
    """(seq, JSON) of one tenant's statements stored on one UTC day, in sequence, up to one sequence number."""
    start = (day - dt.date(1970, 1, 1)).days * DAY_MICROSECONDS
    for seq, raw in connection.stream(
        "select seq, raw from statement where tenant = ? and stored >= ? and stored < ? and seq <= ? order by stored",
        (tenant, start, start + DAY_MICROSECONDS, up_to),
    ):
        yield seq, bytes(raw)


def counts(connection: Connection, *, up_to: int | None = None) -> list[tuple[str, dt.date, int]]:
    """(tenant, UTC day of `stored`, number of statements), in order."""
    condition, parameters = ("", ()) if up_to is None else ("where seq <= ?", (up_to,))
    return [
        (tenant, stored_date(day * DAY_MICROSECONDS), count)
        for tenant, day, count in connection.rows(
            f"select tenant, stored / {DAY_MICROSECONDS}, count(*) from statement {condition} group by 1, 2 order by 1, 2",
            parameters,
        )
    ]
