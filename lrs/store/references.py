"""Statements that refer to others, in the writer's transaction: voiding, and being found by what they refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lrs.statement.decode import decode_stored
from lrs.statement.prepare import Prepared
from lrs.store.database import Connection, insert_rows

KeysOf = Callable[[str, bytes], list[int]]
"""(tenant, stored JSON) to the statement's own filter keys."""

_ID_CHUNK = 500


def settle_references(
    connection: Connection, placed: list[tuple[str, int, Prepared]], keys_of: KeysOf
) -> None:
    """References: note them, void their targets, and let filters find them by their targets' terms, whichever came first."""
    referring = [(s.target, seq, tenant, int(s.is_voiding)) for tenant, seq, s in placed if s.target]
    if referring:
        insert_rows(connection, "reference", "target, seq, tenant, is_voiding", referring)
    elif not connection.rows("select 1 from reference limit 1"):
        return
    awaited = _referred_to(connection, {(tenant, s.id) for tenant, _, s in placed})
    for tenant, statement_id in [(t, i) for (t, i), is_voiding in awaited.items() if is_voiding]:
        _void(connection, tenant, statement_id)
    for tenant, _, statement in placed:
        if statement.is_voiding and statement.target:
            _void(connection, tenant, statement.target)
        if statement.target or (tenant, statement.id) in awaited:
            keys = keys_below(connection, tenant, statement.id, keys_of)
            _spread(connection, tenant, statement.id, keys)


def _void(connection: Connection, tenant: str, target: bytes) -> None:
    """A voiding statement cannot itself be voided."""
    connection.execute(
        "update statement set is_voided = 1 where id = ? and tenant = ? and not exists ("
        "select 1 from reference r where r.seq = statement.seq and r.is_voiding = 1)",
        (target, tenant),
    )


def _referred_to(connection: Connection, arrived: set[tuple[str, bytes]]) -> dict[tuple[str, bytes], bool]:
    """Which of the arrived statements are targets of references, and whether a voiding one is among these."""
    ids = list({statement_id for _, statement_id in arrived})
    found: dict[tuple[str, bytes], bool] = {}
    for start in range(0, len(ids), _ID_CHUNK):
        chunk = ids[start : start + _ID_CHUNK]
        marks = ",".join("?" * len(chunk))
        for tenant, target, is_voiding in connection.rows(
            f"select tenant, target, max(is_voiding) from reference where target in ({marks}) group by tenant, target",
            chunk,
        ):
            found[tenant, bytes(target)] = bool(is_voiding)
    return {key: is_voiding for key, is_voiding in found.items() if key in arrived}


def keys_below(connection: Connection, tenant: str, statement_id: bytes, keys_of: KeysOf) -> set[int]:
    """The keys of the statement and of all that it refers to, as far as they have arrived."""
    keys: set[int] = set()

    def targets(current: bytes) -> Iterable[bytes]:
        found = "select raw from statement where id = ? and tenant = ?"
        for (raw,) in connection.rows(found, (current, tenant)):
            keys.update(keys_of(tenant, bytes(raw)))
            thing = decode_stored(raw)["object"]
            if thing.get("objectType") == "StatementRef":
                yield bytes.fromhex(thing["id"].replace("-", ""))

    _walk(statement_id, targets)
    return keys


def _spread(connection: Connection, tenant: str, statement_id: bytes, keys: set[int]) -> None:
    """Add `keys` to the statement and to everything that refers to it, directly or through others."""

    def referring(current: bytes) -> Iterable[bytes]:
        found = "select seq from statement where id = ? and tenant = ?"
        for (seq,) in connection.rows(found, (current, tenant)):
            links = [(key, seq) for key in keys]
            insert_rows(connection, "link", "key, seq", links, rest="on conflict do nothing")
        found = "select s.id from reference r join statement s on s.seq = r.seq where r.target = ? and r.tenant = ?"
        for (referring_id,) in connection.rows(found, (current, tenant)):
            yield bytes(referring_id)

    _walk(statement_id, referring)


def _walk(start: bytes, onward: Callable[[bytes], Iterable[bytes]]) -> None:
    """Visit `start` and all that `onward` leads to, each once: references may run in circles."""
    seen: set[bytes] = set()
    waiting = [start]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += onward(current)
