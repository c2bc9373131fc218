"""What the LRS knows of activities: definitions merged from statements (xAPI 1.0.3 Communication 2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lrs.store.database import Connection, insert_rows

_SEEN_MAX = 100_000
_MAPS = ("name", "description", "extensions")
_CHUNK = 500

Definition = tuple[str, str, bytes]
"""(tenant, activity IRI, definition as JSON)."""


class Definitions:
    """Writes definitions, skipping those that this process has written before: nearly all are repeats."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def write(self, connection: Connection, found: Iterable[Definition]) -> list[Definition]:
        """Merge what is new into the table; the answer goes to `committed` once the transaction is durable."""
        fresh = list(dict.fromkeys(item for item in found if hash(item) not in self._seen))
        known = load(connection, {(tenant, iri) for tenant, iri, _ in fresh})
        changed = set()
        for tenant, iri, definition in fresh:
            before = known.get((tenant, iri))
            after = merge(before, msgspec.json.decode(definition))
            if after != before:
                known[tenant, iri] = after
                changed.add((tenant, iri))
        rows = [(*place, msgspec.json.encode(known[place])) for place in sorted(changed)]
        replace = "on conflict (tenant, iri) do update set definition = excluded.definition"
        insert_rows(connection, "activity", "tenant, iri, definition", rows, rest=replace)
        return fresh

    def committed(self, written: list[Definition]) -> None:
        if len(self._seen) > _SEEN_MAX:
            self._seen.clear()
        self._seen.update(map(hash, written))


def load(connection: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The merged definitions of (tenant, IRI) pairs, as far as there are any."""
    pairs = list(wanted)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        tenants = {tenant for tenant, _ in chunk}
        for tenant in tenants:
            for iri, definition in connection.rows(
                f"select iri, definition from activity where tenant = ? and iri in ({marks})",
                [tenant, *(iri for _, iri in chunk)],
            ):
                found[tenant, iri] = msgspec.json.decode(definition)
    return found


def merge(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """The newer definition over the older one; language maps and extensions are merged key by key."""
    merged = dict(before or {})
    for key, value in after.items():
        merged[key] = {**merged.get(key, {}), **value} if key in _MAPS else value
    return merged
