"""Taking statements out of the store: which ones, the journal that makes it resumable, and the rows of one chunk."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import msgspec

from lrs.attachments import described
from lrs.statement.identity import terms
from lrs.store.database import Connection, insert_rows
from lrs.store.references import KeysOf, keys_below

TABLES = (
    "statement",
    "link",
    "reference",
    "document",
    "forward_dead",
    "removal_statement",
    "removal_attachment",
)
"""Where rows go away; what `Connection.scrub` takes off the disk afterwards."""

_CHUNK = 500
_JOURNAL_CHUNK = 20_000
_ABANDONED_MICROSECONDS = 24 * 3600 * 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A selection in the store's own terms: `since` exclusive, `until` inclusive (microseconds); None: any.

    agents: (key of the related-agents index, identifier as `lrs.statement.identity` writes it).
    """

    tenant: str
    ids: Sequence[bytes] | None = None
    credential: int | None = None
    since: int | None = None
    until: int | None = None
    agents: Sequence[tuple[int, str]] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Unfinished:
    """A removal that is decided and not finished."""

    number: int
    tenant: str
    statements: int


def selected(connection: Connection, condition: Condition) -> dict[int, int]:
    """seq to `stored` (microseconds) of every statement that meets all of the condition, voided ones too."""
    if condition.agents is not None:
        return dict(_by_agents(connection, condition))
    where, values = _where(condition)
    if condition.ids is None:
        return dict(connection.rows(f"select s.seq, s.stored from statement s where {where}", values))
    found: dict[int, int] = {}
    for (
        statement_id
    ) in condition.ids:  # one by one: with many at once SQLite would walk the tenant's index instead
        sql = f"select s.seq, s.stored from statement s where s.id = ? and {where}"
        found.update(dict(connection.rows(sql, [statement_id, *values])))
    return found


def _by_agents(connection: Connection, condition: Condition) -> Iterator[tuple[int, int]]:
    """By the index of related agents, each checked on its JSON: the index holds the terms of references' targets too."""
    where, values = _where(condition)
    ids = None if condition.ids is None else set(condition.ids)
    for key, identifier in condition.agents or ():
        for seq, stored, statement_id, raw in connection.stream(
            "select s.seq, s.stored, s.id, s.raw from link l cross join statement s"
            f" where l.key = ? and s.seq = l.seq and {where}",
            [key, *values],
        ):
            statement = msgspec.json.decode(bytes(raw))
            if ("G", identifier) in terms(statement, statement["authority"]) and (
                ids is None or bytes(statement_id) in ids
            ):
                yield seq, stored


def _where(condition: Condition) -> tuple[str, list[Any]]:
    conditions, values = ["s.tenant = ?"], [condition.tenant]
    for column, sign, value in (
        ("stored", ">", condition.since),
        ("stored", "<=", condition.until),
        ("credential", "=", condition.credential),
    ):
        if value is not None:
            conditions.append(f"s.{column} {sign} ?")
            values.append(value)  # type: ignore[arg-type]
    return " and ".join(conditions), values


def voiding_partners(connection: Connection, tenant: str, seqs: Iterable[int]) -> dict[int, int]:
    """seq to `stored` of what goes along: statements that the given ones void, and those that void either of them.

    `cross join` keeps SQLite from beginning with the statements of the whole tenant.
    """
    chosen = set(seqs)
    voided: dict[int, int] = {}
    for chunk, marks in _chunks(sorted(chosen)):
        rows = connection.rows(
            "select s.seq, s.stored from reference r cross join statement s"
            f" where r.seq in ({marks}) and r.tenant = ? and r.is_voiding = 1"
            " and s.id = r.target and s.tenant = r.tenant and s.is_voided = 1",
            [*chunk, tenant],
        )
        voided.update(dict(rows))
    voiding: dict[int, int] = {}
    for chunk, marks in _chunks(sorted(chosen | voided.keys())):
        rows = connection.rows(
            "select v.seq, v.stored from statement s cross join reference r cross join statement v"
            f" where s.seq in ({marks}) and s.is_voided = 1"
            " and r.target = s.id and r.tenant = s.tenant and r.is_voiding = 1 and v.seq = r.seq",
            chunk,
        )
        voiding.update(dict(rows))
    return {seq: stored for seq, stored in {**voided, **voiding}.items() if seq not in chosen}


def referring(connection: Connection, seqs: Iterable[int]) -> set[int]:
    """Statements that refer to the given ones and are not among them."""
    chosen = set(seqs)
    found: set[int] = set()
    for chunk, marks in _chunks(sorted(chosen)):
        rows = connection.rows(
            "select r.seq from statement s cross join reference r"
            f" where s.seq in ({marks}) and r.target = s.id and r.tenant = s.tenant",
            chunk,
        )
        found.update(seq for (seq,) in rows)
    return found - chosen


def document_count(connection: Connection, tenant: str, identifiers: Sequence[str]) -> int:
    """State and agent profile documents of the agents."""
    marks = ",".join("?" * len(identifiers))
    sql = f"select count(*) from document where tenant = ? and agent in ({marks})"
    return int(connection.rows(sql, [tenant, *identifiers])[0][0]) if identifiers else 0


def decide(connection: Connection, tenant: str, seqs: Sequence[int], identifiers: Sequence[str]) -> int:
    """Write the removal into the journal and answer its number. From here on it will be done, whoever dies.

    The agents' documents go in the deciding transaction itself, so that the journal holds no identifier.
    """
    now = time.time_ns() // 1000
    with connection.writing():
        connection.execute(
            "delete from removal where decided is null and asked < ?", (now - _ABANDONED_MICROSECONDS,)
        )
        connection.execute("delete from removal_statement where removal not in (select number from removal)")
        number = int(connection.rows("select coalesce(max(number), 0) + 1 from removal")[0][0])
        connection.execute(
            "insert into removal (number, tenant, asked, statements) values (?, ?, ?, ?)",
            (number, tenant, now, len(seqs)),
        )
    for start in range(0, len(seqs), _JOURNAL_CHUNK):
        with connection.writing():
            rows = [(number, seq) for seq in seqs[start : start + _JOURNAL_CHUNK]]
            insert_rows(connection, "removal_statement", "removal, seq", rows)
    with connection.writing():
        documents = 0
        if identifiers:
            marks = ",".join("?" * len(identifiers))
            documents = connection.execute(
                f"delete from document where tenant = ? and agent in ({marks})", [tenant, *identifiers]
            )
        connection.execute(
            "update removal set decided = ?, documents = ? where number = ?",
            (time.time_ns() // 1000, documents, number),
        )
    return number


def unfinished(connection: Connection) -> list[Unfinished]:
    """Removals that are decided and not finished, oldest first."""
    return [
        Unfinished(*row)
        for row in connection.rows(
            "select number, tenant, statements from removal where decided is not null and finished is null order by number"
        )
    ]


def outcome(connection: Connection, number: int) -> tuple[bool, int, int, int, int]:
    """(is finished, statements, documents, attachments, rows of the lake) of a removal."""
    ((finished, *counts),) = connection.rows(
        "select finished, statements, documents, attachments, lake_rows from removal where number = ?",
        (number,),
    )
    return (finished is not None, *counts)


def journaled(connection: Connection, number: int) -> list[int]:
    """The removal's sequence numbers, in order."""
    sql = "select seq from removal_statement where removal = ? order by seq"
    return [seq for (seq,) in connection.rows(sql, (number,))]


def remove_chunk(connection: Connection, removal: Unfinished, seqs: Sequence[int], keys_of: KeysOf) -> None:
    """Take some of the removal's statements out, with everything that leads to them, in one transaction.

    The journal holds seqs of one tenant. A condition on it beside them would have SQLite walk the tenant's index instead.
    """
    marks = ",".join("?" * len(seqs))
    tenant = removal.tenant
    with connection.writing():
        rows = connection.rows(f"select seq, id, raw from statement where seq in ({marks})", list(seqs))
        gone = {bytes(statement_id): seq for seq, statement_id, _ in rows}
        staying = _referrers(connection, tenant, gone)
        before = {i: keys_below(connection, tenant, i, keys_of) for i in (*gone, *staying)}
        for table in ("statement", "reference", "forward_dead"):
            connection.execute(f"delete from {table} where seq in ({marks})", list(seqs))
        links = [(key, seq) for statement_id, seq in gone.items() for key in before[statement_id]]
        for statement_id, seq in staying.items():  # filters no longer find them by the terms of what is gone
            left = keys_below(connection, tenant, statement_id, keys_of)
            links += [(key, seq) for key in before[statement_id] - left]
        for key, seq in sorted(links):
            connection.execute("delete from link where key = ? and seq = ?", (key, seq))
        found = sorted({(removal.number, sha2) for _, _, raw in rows for sha2 in _hashes(bytes(raw))})
        insert_rows(connection, "removal_attachment", "removal, sha2", found, rest="on conflict do nothing")


def _referrers(connection: Connection, tenant: str, gone: Mapping[bytes, int]) -> dict[bytes, int]:
    """id to seq of the statements that refer to those in `gone`, directly or through others, and stay."""
    found: dict[bytes, int] = {}
    waiting = list(gone)
    while waiting:
        chunk = waiting[:_CHUNK]
        del waiting[:_CHUNK]
        marks = ",".join("?" * len(chunk))
        for statement_id, seq in connection.rows(
            "select s.id, s.seq from reference r cross join statement s"
            f" where r.target in ({marks}) and r.tenant = ? and s.seq = r.seq",
            [*chunk, tenant],
        ):
            known = bytes(statement_id)
            if known not in gone and known not in found:
                found[known] = seq
                waiting.append(known)
    return found


def attachments_of(connection: Connection, seqs: Iterable[int]) -> set[str]:
    """Hashes (hexadecimal, lower case) of the attachments that the statements describe."""
    found: set[str] = set()
    for chunk, marks in _chunks(sorted(seqs)):
        for (raw,) in connection.rows(f"select raw from statement where seq in ({marks})", chunk):
            found |= _hashes(bytes(raw))
    return found


def still_described(
    connection: Connection, tenant: str, hashes: Set[str], *, after: int = 0, without: Set[int] = frozenset()
) -> set[str]:
    """Which of the attachments other statements still describe: those of the tenant above seq `after`, not in `without`."""
    found: set[str] = set()
    bound: tuple[str, Any] = ("seq > ?", after) if after else ("tenant = ?", tenant)
    for seq, owner, raw in connection.stream(
        f"select seq, tenant, raw from statement where {bound[0]}", bound[1:]
    ):
        if owner == tenant and seq not in without:
            found |= _hashes(bytes(raw)) & hashes
    return found


def journaled_attachments(connection: Connection, number: int) -> set[str]:
    sql = "select sha2 from removal_attachment where removal = ?"
    return {sha2 for (sha2,) in connection.rows(sql, (number,))}


def count_gone(connection: Connection, number: int, *, attachments: int = 0, lake_rows: int = 0) -> None:
    """Add to what the removal has taken."""
    with connection.writing():
        connection.execute(
            "update removal set attachments = attachments + ?, lake_rows = lake_rows + ? where number = ?",
            (attachments, lake_rows, number),
        )


def close(connection: Connection, number: int) -> None:
    """The removal is finished: its counts stay, its list of statements goes."""
    with connection.writing():
        for table in ("removal_statement", "removal_attachment"):
            connection.execute(f"delete from {table} where removal = ?", (number,))
        connection.execute(
            "update removal set finished = ? where number = ?", (time.time_ns() // 1000, number)
        )


def _hashes(raw: bytes) -> set[str]:
    """Hashes of the attachments that a stored statement describes; most have none, which the bytes tell."""
    if b"sha2" not in raw and b"\\u" not in raw:
        return set()
    return {attachment["sha2"].lower() for attachment in described(msgspec.json.decode(raw))}


def _chunks(values: Sequence[Any]) -> Iterator[tuple[list[Any], str]]:
    """Pieces of `values` for an SQL `in`, each with its marks."""
    for start in range(0, len(values), _CHUNK):
        chunk = list(values[start : start + _CHUNK])
        yield chunk, ",".join("?" * len(chunk))
