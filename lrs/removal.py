"""Deleting statements for good: in the store, in its attachments and in the lake. Resumable: a decided removal gets done.

Which statements is a `Selection`; `plan` only counts, `remove` does it. The sealer calls `finish` before it seals.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from learnlake.errors import BusyError, InputError
from learnlake.home import Home
from learnlake.identity import Identifier
from learnlake.settings import Settings
from lrs import attachments, credentials
from lrs.delta import elected
from lrs.lake_removal import remove_rows
from lrs.statement.prepare import KeyMaker
from lrs.store import reading
from lrs.store import remove as rows
from lrs.store.append import KeysOf
from lrs.store.database import Connection, Database, open_database
from lrs.store.moment import stored_date
from lrs.store.read import last_position
from lrs.store.store import index_secret

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""(step, done, of how many)."""

_CHUNK = 100
_PAUSE_SECONDS = 0.01
"""Least pause between chunks; it is as long as the chunk took, so that writers find the store free half of the time."""
_POLL_SECONDS = 0.2
_DRAFT_SECONDS = 24 * 3600
_XAPI_KINDS = frozenset({"mbox", "mbox_sha1sum", "openid", "account"})


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """Which of a tenant's statements: those that meet every condition given. At least one must be.

    ids: statement ids. credential: key of the credential that stored them. since (exclusive), until (inclusive): `stored`
    in microseconds. agents: statements in which one of these appears anywhere, and with them their state documents and
    agent profiles; an mbox stands for its SHA-1 sum too.
    """

    tenant: str
    ids: Sequence[uuid.UUID] | None = None
    credential: str | None = None
    since: int | None = None
    until: int | None = None
    agents: Sequence[Identifier] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a removal would take: statements per UTC day of `stored`, and what else goes or is touched.

    partners: of the statements, how many go along because one of a voided pair was selected. referring: statements that
    stay and refer to something that goes.
    """

    days: dict[dt.date, int]
    partners: int
    documents: int
    attachments: int
    referring: int

    @property
    def statements(self) -> int:
        return sum(self.days.values())


@dataclasses.dataclass(frozen=True, slots=True)
class Removed:
    """What is gone for good. `number` names the removal in the store's journal; 0 when there was nothing to remove."""

    number: int
    statements: int
    documents: int
    attachments: int
    lake_rows: int


def plan(settings: Settings, selection: Selection) -> Plan:
    """Count what `remove` would take now; nothing is changed."""
    database = open_database(settings)
    with reading(settings) as connection:
        condition, identifiers = _condition(settings, database, selection)
        chosen = rows.selected(connection, condition)
        partners = rows.voiding_partners(connection, selection.tenant, chosen)
        chosen |= partners
        candidates = _here(settings.home, selection.tenant, rows.attachments_of(connection, chosen))
        unused = candidates
        if candidates:
            unused = candidates - rows.still_described(
                connection, selection.tenant, candidates, without=chosen.keys()
            )
        return Plan(
            days=dict(sorted(Counter(stored_date(stored) for stored in chosen.values()).items())),
            partners=len(partners),
            documents=rows.document_count(connection, selection.tenant, identifiers),
            attachments=len(unused),
            referring=len(rows.referring(connection, chosen)),
        )


def remove(settings: Settings, selection: Selection, *, progress: Progress | None = None) -> Removed:
    """Remove for good; returns when the store, the files and the lake are rid of it.

    Once it is written into the journal it gets done: by this call, by a later one, or by the sealer. Where a sealer is at
    work, that one does it in its next round and this call waits for it.
    """
    show = progress or (lambda step, done, of: None)
    database = open_database(settings)
    with contextlib.closing(database.connect()) as connection:
        condition, identifiers = _condition(settings, database, selection)
        chosen = rows.selected(connection, condition)
        chosen |= rows.voiding_partners(connection, selection.tenant, chosen)
        if not chosen and not rows.document_count(connection, selection.tenant, identifiers):
            return Removed(0, 0, 0, 0, 0)
        number = rows.decide(connection, selection.tenant, sorted(chosen), identifiers)
        while not rows.outcome(connection, number)[0]:
            try:
                with elected(settings.home):
                    finish(settings, progress=show)
            except BusyError:
                show("waiting for the sealer", 0, 0)
            if not rows.outcome(connection, number)[0]:
                time.sleep(_POLL_SECONDS)
        _, *counts = rows.outcome(connection, number)
    return Removed(number, *counts)


def is_due(settings: Settings) -> bool:
    """A removal is decided and not finished."""
    with reading(settings) as connection:
        return bool(rows.unfinished(connection))


def finish(settings: Settings, *, progress: Progress | None = None) -> int:
    """Do what is decided and not done yet; how many removals were finished. The caller holds the sealer's lock."""
    show = progress or (lambda step, done, of: None)
    with reading(settings) as connection:
        if not rows.unfinished(connection):
            return 0
    database = open_database(settings)
    done = 0
    with contextlib.closing(database.connect()) as connection:
        keys_of = _keys_of(database)
        for removal in rows.unfinished(connection):
            _finish_one(settings, connection, removal, keys_of, show)
            done += 1
    return done


def _finish_one(
    settings: Settings, connection: Connection, removal: rows.Unfinished, keys_of: KeysOf, show: Progress
) -> None:
    """The steps in their order; each may be done again. The journal is closed last."""
    seqs = rows.journaled(connection, removal.number)
    for start in range(0, len(seqs), _CHUNK):
        began = time.perf_counter()
        rows.remove_chunk(connection, removal, seqs[start : start + _CHUNK], keys_of)
        show("store", min(start + _CHUNK, len(seqs)), len(seqs))
        time.sleep(max(_PAUSE_SECONDS, time.perf_counter() - began))
    files = _remove_attachments(settings.home, connection, removal)
    rows.count_gone(connection, removal.number, attachments=files)
    lake_rows = remove_rows(
        settings.home,
        tenant=removal.tenant,
        seqs=seqs,
        number=removal.number,
        progress=lambda done: show("lake", done, len(seqs)),
    )
    rows.count_gone(connection, removal.number, lake_rows=lake_rows)
    if not connection.scrub(rows.TABLES):
        raise BusyError(
            "a long reading of the statement store keeps old pages alive; the removal is finished when it ends",
            mend="wait: the sealer, or the same command again, finishes it",
        )
    rows.close(connection, removal.number)
    logger.info("removed", extra={"removal": removal.number, "statements": len(seqs)})


def _remove_attachments(home: Home, connection: Connection, removal: rows.Unfinished) -> int:
    """Files that no statement describes any more; how many. A request that is just storing one puts it back itself."""
    tenant = removal.tenant
    candidates = _here(home, tenant, rows.journaled_attachments(connection, removal.number))
    if not candidates:
        return 0
    looked_up_to, _ = last_position(connection)
    unused = candidates - rows.still_described(connection, tenant, candidates)
    folder = attachments.folder_of(home, tenant)
    with connection.writing():
        unused -= rows.still_described(connection, tenant, unused, after=looked_up_to)
        for sha2 in unused:
            attachments.path_of(folder, sha2).unlink(missing_ok=True)
    for draft in (folder / "drafts").glob("*"):
        if draft.stat().st_mtime < time.time() - _DRAFT_SECONDS:  # left by a process that was killed
            draft.unlink(missing_ok=True)
    return len(unused)


def _here(home: Home, tenant: str, hashes: set[str]) -> set[str]:
    folder = attachments.folder_of(home, tenant)
    return {sha2 for sha2 in hashes if attachments.path_of(folder, sha2).is_file()}


def _condition(
    settings: Settings, database: Database, selection: Selection
) -> tuple[rows.Condition, list[str]]:
    """The selection in the store's terms, and the agents as documents name them."""
    if all(value is None for value in dataclasses.astuple(selection)[1:]):
        raise InputError(
            "nothing says which statements to remove", mend="give ids, a credential, times or agents"
        )
    identifiers = sorted({text for agent in selection.agents or () for text in index_texts(agent)})
    keys = KeyMaker(index_secret(database))
    condition = rows.Condition(
        tenant=selection.tenant,
        ids=None if selection.ids is None else sorted({item.bytes for item in selection.ids}),
        credential=None
        if selection.credential is None
        else credentials.number_of(settings, selection.tenant, selection.credential),
        since=selection.since,
        until=selection.until,
        agents=None
        if selection.agents is None
        else [(keys.key(selection.tenant, "G", text), text) for text in identifiers],
    )
    return condition, identifiers


def index_texts(agent: Identifier) -> Iterator[str]:
    """An identifier as the store's index writes it; none for kinds that statements don't have."""
    if agent.kind == "mbox":
        local, _, domain = agent.value.removeprefix("mailto:").rpartition("@")
        for address in {agent.value, f"mailto:{local}@{domain.lower()}"}:
            yield f"mbox_sha1sum\n{hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()}"
        yield f"mbox\nmailto:{local}@{domain.lower()}"
    elif agent.kind == "mbox_sha1sum":
        yield f"mbox_sha1sum\n{agent.value.lower()}"
    elif agent.kind in _XAPI_KINDS:
        yield f"{agent.kind}\n{agent.value}"


def _keys_of(database: Database) -> KeysOf:
    """The filter keys of a stored statement."""
    keys = KeyMaker(index_secret(database))

    def keys_of(tenant: str, raw: bytes) -> list[int]:
        statement = msgspec.json.decode(raw)
        return keys.keys(tenant, statement, statement["authority"])

    return keys_of
