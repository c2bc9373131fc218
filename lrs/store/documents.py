"""Documents of the state, activity profile and agent profile resources, each change inside one transaction of the writer."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable

from lrs.store.database import Connection


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a document lies; `registration` None asks for documents of any registration."""

    tenant: str
    kind: str
    activity: str = ""
    agent: str = ""
    registration: str | None = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A document as it was sent. `updated` is in microseconds since 1970."""

    content_type: str
    content: bytes
    etag: str
    updated: int


Change = Callable[[Document | None], tuple[str, bytes] | None]
"""From the present document to (content type, content) of the next one; None deletes. May raise to refuse."""


def load(connection: Connection, place: Place, name: str) -> Document | None:
    condition, values = _condition(place)
    rows = connection.rows(
        f"select content_type, content, etag, updated from document where {condition} and name = ?",
        [*values, name],
    )
    if not rows:
        return None
    content_type, content, etag, updated = rows[0]
    return Document(content_type, bytes(content), etag, updated)


def change(connection: Connection, place: Place, name: str, work: Change) -> None:
    """Read, decide and write while all other writers wait: of racing requests with one ETag only one succeeds."""
    present = load(connection, place, name)
    wanted = work(present)
    condition, values = _condition(place)
    if wanted is None:
        connection.execute(f"delete from document where {condition} and name = ?", [*values, name])
        return
    content_type, content = wanted
    etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    updated = max(time.time_ns() // 1000, present.updated + 1 if present else 0)
    if present:
        connection.execute(
            f"update document set content_type = ?, content = ?, etag = ?, updated = ? where {condition} and name = ?",
            [content_type, content, etag, updated, *values, name],
        )
    else:
        connection.execute(
            "insert into document (tenant, kind, activity, agent, registration, name, content_type, content, etag, updated)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                place.tenant, place.kind, place.activity, place.agent, place.registration or "", name,
                content_type, content, etag, updated,
            ],
        )  # fmt: skip


def names(connection: Connection, place: Place, *, since: int | None) -> list[tuple[str, int]]:
    """(name, updated) of the documents at `place` that were updated after `since`, in order of name."""
    condition, values = _condition(place)
    return [
        (name, updated)
        for name, updated in connection.rows(
            f"select name, max(updated) from document where {condition} and updated > ? group by name order by name",
            [*values, -1 if since is None else since],
        )
    ]


def delete_all(connection: Connection, place: Place) -> None:
    condition, values = _condition(place)
    connection.execute(f"delete from document where {condition}", values)


def _condition(place: Place) -> tuple[str, list[str]]:
    fields = {"tenant": place.tenant, "kind": place.kind, "activity": place.activity, "agent": place.agent}
    if place.registration is not None:
        fields["registration"] = place.registration
    return " and ".join(f"{name} = ?" for name in fields), list(fields.values())
