"""Reading statements: by id, by filters, in sequence for the sealer and the export, and counts."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from lrs.store.database import Connection
from lrs.store.moment import DAY_MICROSECONDS, stored_date

_PROBE = 256
"""Statements of a key that are passed over to learn how far apart they lie."""


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
    """(seq, JSON) of at most `limit` statements, in the order of `stored`, voided ones left out.

    The rarest key is walked from where the answer begins, the others are looked up on the way: the cost follows the answer, and, where
    keys hardly ever meet, the rarest of them.
    """
    query = _with_single_bounds(connection, query)
    keys = _rarest_first(connection, query)
    source = " cross join ".join([*(f"link k{number}" for number in range(len(keys))), "statement s"])
    conditions: list[str] = []
    parameters: list[Any] = []

    def add(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    for number, key in enumerate(keys):
        add(f"k{number}.key = ?" + (f" and k{number}.seq = k0.seq" if number else ""), key)
    add(("s.seq = k0.seq and " if keys else "") + "s.tenant = ? and s.is_voided = 0", query.tenant)
    for condition, values in _bounds(query, by_seq=bool(keys)):
        add(condition, *values)
    if query.credential is not None:
        add("s.credential = ?", query.credential)
    order = f"{'k0.seq' if keys else 's.stored'} {'asc' if query.ascending else 'desc'}"
    sql = f"select s.seq as seq, s.raw as raw from {source} where {' and '.join(conditions)} order by {order} limit ?"
    return connection.pieces(sql, [*parameters, query.limit])


def _with_single_bounds(connection: Connection, query: Query) -> Query:
    """Two lower or two upper bounds become one: an index is walked from one to one, everything beyond would be looked at."""
    if query.after is not None and query.since is not None and query.ascending:
        ((since,),) = connection.rows(f"select {_SEQ_SINCE}", (query.tenant, query.since))
        query = dataclasses.replace(query, since=None, after=max(query.after, since - 1))
    if query.until is not None and (query.newest_seq is not None or query.after is not None):
        query = dataclasses.replace(query, until=None, newest_seq=_end(connection, query))
    if query.after is not None and query.newest_seq is not None and not query.ascending:
        after = min(query.after, query.newest_seq + 1)
        query = dataclasses.replace(query, newest_seq=None, after=after)
    return query


def rest(connection: Connection, query: Query, *, after: int) -> Query:
    """What is left of a search behind the statement `after`. It ends at what is stored now, so that a walk ends."""
    if query.ascending:
        newest = _end(connection, query)
        return dataclasses.replace(query, since=None, until=None, after=after, newest_seq=newest)
    return dataclasses.replace(query, until=None, after=after, newest_seq=None)


def _end(connection: Connection, query: Query) -> int:
    """The last sequence number that an ascending walk can come to."""
    newest = query.newest_seq if query.newest_seq is not None else last_position(connection)[0]
    if query.until is None:
        return newest
    sql = f"select {_SEQ_UNTIL}"
    return min(newest, int(connection.rows(sql, (query.tenant, query.until))[0][0]))


_SEQ_SINCE = (
    "coalesce((select seq from statement where tenant = ? and stored > ? order by stored asc limit 1),"
    " 9223372036854775807)"
)
_SEQ_UNTIL = (
    "coalesce((select seq from statement where tenant = ? and stored <= ? order by stored desc limit 1), 0)"
)
_STORED_FROM = (
    "coalesce((select stored from statement where seq > ? order by seq asc limit 1), 9223372036854775807)"
)
_STORED_TO = "coalesce((select stored from statement where seq < ? order by seq desc limit 1), 0)"


def _bounds(query: Query, *, by_seq: bool) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Where the walk begins and ends: one lower and one upper bound at most, since an index is walked between just two.

    A walk over a key goes by seq, one over everything by the index on `stored`, which rises with seq.
    """
    after = query.after
    if after is not None and query.ascending:
        yield ("k0.seq > ?" if by_seq else f"s.stored >= {_STORED_FROM}"), (after,)
    elif query.since is not None:
        if by_seq:
            yield f"k0.seq >= {_SEQ_SINCE}", (query.tenant, query.since)
        else:
            yield "s.stored > ?", (query.since,)
    if after is not None and not query.ascending:
        yield ("k0.seq < ?" if by_seq else f"s.stored <= {_STORED_TO}"), (after,)
    elif query.newest_seq is not None:
        newest = query.newest_seq
        yield (("k0.seq <= ?", (newest,)) if by_seq else (f"s.stored <= {_STORED_TO}", (newest + 1,)))
    elif query.until is not None:
        if by_seq:
            yield f"k0.seq <= {_SEQ_UNTIL}", (query.tenant, query.until)
        else:
            yield "s.stored <= ?", (query.until,)


def _rarest_first(connection: Connection, query: Query) -> list[int]:
    """The keys of the search, the one first that is found least often near the walk's beginning.

    How far apart a key's statements lie is told by how far off its 256th is: a key that has fewer is rarer than all that have.
    """
    keys = list(dict.fromkeys([*query.keys, *([] if query.authority is None else [query.authority])]))
    if len(keys) < 2:
        return keys
    sign, order, start = (">", "asc", -1) if query.ascending else ("<", "desc", 2**63 - 1)
    probe = f"(select seq from link where key = ? and seq {sign} ? order by seq {order} limit 1 offset {_PROBE - 1})"
    start = start if query.after is None else query.after
    sql = f"select {', '.join([probe] * len(keys))}"
    (found,) = connection.rows(sql, [value for key in keys for value in (key, start)])
    distances = dict(zip(keys, (2**63 if seq is None else abs(seq - start) for seq in found), strict=True))
    return sorted(keys, key=lambda key: -distances[key])


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


def day_statements(connection: Connection, tenant: str, day: dt.date, *, up_to: int) -> Iterator[Row]:
    """One tenant's statements stored on one UTC day, voided ones too, up to one sequence number: what the lake holds of them."""
    start = (day - dt.date(1970, 1, 1)).days * DAY_MICROSECONDS
    for seq, statement_id, stored, raw in connection.stream(
        "select seq, id, stored, raw from statement where tenant = ? and stored >= ? and stored < ? and seq <= ? order by stored",
        (tenant, start, start + DAY_MICROSECONDS, up_to),
    ):
        yield Row(seq, tenant, bytes(statement_id), stored, bytes(raw))


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
