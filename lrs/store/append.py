"""Writing statements inside one transaction: sequence numbers, duplicates, filter keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from lrs.statement.decode import decode_stored
from lrs.statement.equality import same_statement
from lrs.statement.prepare import Prepared
from lrs.store.activities import Definition, Definitions
from lrs.store.database import Connection, KeyTaken
from lrs.store.moment import stored_text
from lrs.store.references import KeysOf, settle_references

_ID_CHUNK = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """The statements of one request: stored whole or not at all."""

    tenant: str
    credential: int
    statements: Sequence[Prepared]
    may_define: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A batch is durable: how many of its statements are new, and the `stored` of its last one (microseconds)."""

    new: int
    last_stored: int


@dataclasses.dataclass(frozen=True, slots=True)
class Conflict:
    """A batch was refused: this id (text) is taken by a different statement."""

    statement_id: str


def append(
    connection: Connection, batches: Sequence[Batch], keys_of: KeysOf, definitions: Definitions, *, above: int
) -> list[Stored | Conflict]:
    """Store all batches in one durable transaction, at times later than `above`, and say what became of each.

    Nearly all ids are new, so they are first written on that hope: one statement for all rows, no look-ups.
    """
    try:
        with connection.writing():
            fresh: Sequence[tuple[Batch, Sequence[Prepared]]] = [
                (batch, batch.statements) for batch in batches
            ]
            last = _write(connection, fresh, keys_of, above)
            defined = definitions.write(connection, _definitions(fresh))
        answers: list[Stored | Conflict] = [Stored(len(batch.statements), last) for batch in batches]
    except KeyTaken:
        with connection.writing():
            fresh, answers = _without_known(connection, batches)
            last = _write(connection, fresh, keys_of, above)
            defined = definitions.write(connection, _definitions(fresh))
        answers = [Stored(a.new, last) if isinstance(a, Stored) else a for a in answers]
    definitions.committed(defined)
    return answers


def _definitions(fresh: Sequence[tuple[Batch, Sequence[Prepared]]]) -> Iterator[Definition]:
    return (
        (batch.tenant, iri, definition)
        for batch, statements in fresh
        if batch.may_define
        for statement in statements
        for iri, definition in statement.definitions
    )


def _without_known(
    connection: Connection, batches: Sequence[Batch]
) -> tuple[list[tuple[Batch, Sequence[Prepared]]], list[Stored | Conflict]]:
    """The statements of each batch that are not stored yet, and each batch's answer."""
    taken = {
        (tenant, bytes(statement_id)): bytes(raw)
        for tenant, statement_id, raw in _find_ids(connection, {s.id for b in batches for s in b.statements})
    }
    fresh: list[tuple[Batch, Sequence[Prepared]]] = []
    answers: list[Stored | Conflict] = []
    for batch in batches:
        new = []
        for statement in batch.statements:
            known = taken.get((batch.tenant, statement.id))
            if known is None:
                new.append(statement)
            elif not same_statement(decode_stored(statement.head + b"}"), _with_timestamp(known)):
                answers.append(Conflict(statement.id_text))
                break
        else:
            fresh.append((batch, new))
            answers.append(Stored(len(new), 0))
            taken.update(((batch.tenant, statement.id), statement.head + b"}") for statement in new)
    return fresh, answers


def _with_timestamp(raw: bytes) -> dict[str, object]:
    """A statement of the same group has no timestamp of the LRS's yet; then any other is a difference."""
    statement: dict[str, object] = decode_stored(raw)
    statement.setdefault("timestamp", "")
    return statement


def _find_ids(connection: Connection, ids: set[bytes]) -> Iterable[tuple[str, bytes, bytes]]:
    wanted = list(ids)
    for start in range(0, len(wanted), _ID_CHUNK):
        chunk = wanted[start : start + _ID_CHUNK]
        marks = ",".join("?" * len(chunk))
        yield from connection.rows(f"select tenant, id, raw from statement where id in ({marks})", chunk)


def _write(
    connection: Connection, fresh: Sequence[tuple[Batch, Sequence[Prepared]]], keys_of: KeysOf, above: int
) -> int:
    """Give sequence numbers and times, write the rows; the last `stored` given. All ids must be new."""
    ((seq, last_stored),) = connection.rows("select last_seq, last_stored from sequence")
    stored = max(connection.clock(), last_stored, above)
    rows, links, placed = [], [], []
    for batch, statements in fresh:
        for statement in statements:
            seq += 1
            stored += 1
            text = stored_text(stored)
            middle = (
                b',"timestamp":"%s","stored":"%s"}' % (text, text)
                if statement.lacks_timestamp
                else b',"stored":"%s"}' % text
            )
            rows.append((seq, batch.tenant, statement.id, stored, batch.credential, statement.head + middle))
            links += [(key, seq) for key in statement.keys]
            placed.append((batch.tenant, seq, statement))
    if not rows:
        return int(last_stored)
    connection.add_rows("statement", ("seq", "tenant", "id", "stored", "credential", "raw"), rows)
    links.sort()
    connection.add_rows("link", ("key", "seq"), links)
    connection.execute("update sequence set last_seq = ?, last_stored = ?", (seq, stored))
    settle_references(connection, placed, keys_of)
    return stored
