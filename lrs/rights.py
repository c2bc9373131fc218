"""The LRS's part in a person's rights: statements, documents, attachments, the lake of statements and its log.

A statement is the person's when its actor is. Statements of others that name the person are stored again without the name.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import itertools
import json
import os
import secrets
import time
import uuid
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from learnlake.protocols import Finding, HeldFile, Subject
from learnlake.settings import Settings
from lrs import attachments
from lrs.forwarding.received import forwarded
from lrs.redaction import Redactor
from lrs.removal import Selection, index_texts, remove
from lrs.statement.prepare import KeyMaker, Prepared
from lrs.statement.verb import VOIDED
from lrs.store import reading
from lrs.store import remove as rows
from lrs.store.activities import Definitions
from lrs.store.append import Batch, append
from lrs.store.database import Connection, open_database
from lrs.store.store import index_secret

RESTORE = "erasure-restore.jsonl"
"""In the home's secrets: statements of others, without the person, from when they are taken out until they are stored again."""
KEPT_ATTACHMENTS = "restoring"
_BATCH = 500
_SCRUB_TRIES = 100
_ROWS_LOOKED_AT = 20_000
_ESCAPED_ASCII = [f"\\u00{high}" for high in "234567"]
"""How JSON may spell a letter that needs no escape: such statements are decoded and looked at."""
_WHY_REWRITTEN = "they are others' records: the person's identifier gives way to a pseudonym, and they are stored again under their ids"


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """Sequence numbers: the person's own statements and the other halves of voided pairs; and those of others that name the person."""

    own: frozenset[int]
    others: frozenset[int]
    newest_stored: int


class LrsRoom:
    """lrs.db or PostgreSQL, attachments, lake/statements."""

    name = "lrs"
    places = ("lrs.db", "attachments", "lake/statements")

    def find(self, settings: Settings, subject: Subject) -> list[Finding]:
        with reading(settings) as connection:
            chosen = _choose(settings, connection, subject)
            documents = len(_own_documents(connection, subject))
            mentioning = len(_naming_documents(connection, subject))
            files = len(_files(settings, connection, subject, chosen.own))
            passed_on = forwarded(connection, subject.tenant, chosen.own | chosen.others)
        return [
            Finding("statements", len(chosen.own)),
            Finding(
                "statements of others that name the person", len(chosen.others), "rewritten", _WHY_REWRITTEN
            ),
            Finding("state and agent profile documents", documents),
            Finding("documents of others that name the person", mentioning, "rewritten", _WHY_REWRITTEN),
            Finding("attachments of the person's statements", files),
            *passed_on,
        ]

    def erase(self, settings: Settings, subject: Subject) -> None:
        """Others' statements are put by, all that name the person are removed from store and lake, the others' stored again."""
        path = settings.home.secrets / RESTORE
        if not path.exists():
            with reading(settings) as connection:
                chosen = _choose(settings, connection, subject)
                _put_by(settings, connection, subject, chosen, path)
        newest, pseudonym = _header(path)
        remove(settings, Selection(subject.tenant, until=newest, agents=subject.identifiers))
        with _statements(path) as found:
            ids = [uuid.UUID(json.loads(line["raw"])["id"]) for line in found]
        if ids:
            remove(settings, Selection(subject.tenant, until=newest, ids=ids))
        _restore(settings, subject.tenant, path)
        _rewrite_documents(settings, subject, pseudonym)
        _keep_attachments(settings, subject.tenant, back=True)
        path.unlink()
        _scrub(settings)

    def held(self, settings: Settings, subject: Subject) -> Iterator[HeldFile]:
        with reading(settings) as connection:
            chosen = _choose(settings, connection, subject)
            redactor = _redactor(subject)
            lines = (
                raw + b"\n"
                for _, raw, _ in _raws(connection, chosen.own)
                if redactor.is_person(msgspec.json.decode(raw)["actor"])
            )
            yield HeldFile(
                "statements.jsonl", "the person's learning records, one xAPI statement per line", lines
            )
            if chosen.others:
                what = "records of others that name this person: when, of which kind; what they did is theirs"
                yield HeldFile("mentions.csv", what, [_mentions(connection, chosen.others)])
            for number, document in enumerate(_own_documents(connection, subject), start=1):
                kind, activity, name, content_type, content = document
                what = f"{kind} document {name!r} of {activity or 'the person'}, {content_type}"
                yield HeldFile(f"documents/{number:04d}", what, [content])
            for file in _files(settings, connection, subject, chosen.own):
                yield HeldFile(f"attachments/{file.name}", "a file that came with a statement", _pieces(file))


def _scrub(settings: Settings) -> None:
    """What was replaced goes off the disk too, once nobody reads it any more."""
    with contextlib.closing(open_database(settings).connect()) as connection:
        for _ in range(_SCRUB_TRIES):
            if connection.scrub(rows.TABLES):
                return
            time.sleep(0.1)


def _redactor(subject: Subject, pseudonym: str = "") -> Redactor:
    texts = [text for one in subject.identifiers for text in index_texts(one)]
    return Redactor(texts, subject.texts, pseudonym)


def _choose(settings: Settings, connection: Connection, subject: Subject) -> Chosen:
    """Every statement that names the person anywhere, and what goes with one in a voided pair."""
    keys = KeyMaker(index_secret(open_database(settings)))
    texts = sorted({text for one in subject.identifiers for text in index_texts(one)})
    agents = [(keys.key(subject.tenant, "G", text), text) for text in texts]
    found = rows.selected(connection, rows.Condition(subject.tenant, agents=agents)) if agents else {}
    found |= _naming_statements(connection, subject, known=found.keys())
    found |= rows.voiding_partners(connection, subject.tenant, found)
    redactor = _redactor(subject)
    own: set[int] = set()
    ids: dict[str, int] = {}
    voids: dict[int, str] = {}
    for seq, raw, _ in _raws(connection, found):
        statement = msgspec.json.decode(raw)
        ids[statement["id"].lower()] = seq
        if redactor.is_person(statement["actor"]):
            own.add(seq)
        if statement["verb"]["id"] == VOIDED:
            voids[seq] = str(statement["object"].get("id", "")).lower()
    # A voided pair goes whole when either half is the person's: what was void must not come back to life
    pairs = [(seq, ids[target]) for seq, target in voids.items() if target in ids]
    own |= {seq for pair in pairs if own & set(pair) for seq in pair}
    return Chosen(frozenset(own), frozenset(found.keys() - own), max(found.values(), default=0))


def _naming_statements(connection: Connection, subject: Subject, *, known: Set[int]) -> dict[int, int]:
    """seq to `stored` of further statements whose text names the person, in whatever place and letter case."""
    found: dict[int, int] = {}
    if not subject.texts:
        return found
    redactor = _redactor(subject, "-")
    spelt = {text.replace("/", slash) for text in subject.texts for slash in ("/", "\\/")}
    patterns = sorted(spelt | {json.dumps(text)[1:-1] for text in spelt}) + _ESCAPED_ASCII
    stream = connection.stream("select seq, stored, raw from statement where tenant = ?", [subject.tenant])
    while batch := list(itertools.islice(stream, _ROWS_LOOKED_AT)):
        texts = pl.Series([bytes(raw) for _, _, raw in batch], dtype=pl.Binary).cast(pl.String)
        for row in texts.str.contains_any(patterns, ascii_case_insensitive=True).arg_true().to_list():
            seq, stored, raw = batch[row]
            if seq not in known and redactor.names(msgspec.json.decode(bytes(raw))):
                found[seq] = stored
    return found


def _raws(connection: Connection, seqs: Iterable[int]) -> Iterator[tuple[int, bytes, int]]:
    """(seq, JSON, credential) in order."""
    wanted = sorted(seqs)
    for start in range(0, len(wanted), _BATCH):
        chunk = wanted[start : start + _BATCH]
        marks = ",".join("?" * len(chunk))
        for seq, raw, credential in connection.rows(
            f"select seq, raw, credential from statement where seq in ({marks}) order by seq", chunk
        ):
            yield seq, bytes(raw), credential


def _put_by(settings: Settings, connection: Connection, subject: Subject, chosen: Chosen, path: Path) -> None:
    """Write others' statements without the person to `path`, whole or not at all, and hold their attachments."""
    pseudonym = f"erased-{secrets.token_hex(8)}"
    redactor = _redactor(subject, pseudonym)
    _keep_attachments(settings, subject.tenant, raws=(raw for _, raw, _ in _raws(connection, chosen.others)))
    draft = path.with_name(f".{path.name}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps({"newest_stored": chosen.newest_stored, "pseudonym": pseudonym}) + "\n")
        for _, raw, credential in _raws(connection, chosen.others):
            new = msgspec.json.encode(redactor.without(msgspec.json.decode(raw))).decode()
            file.write(json.dumps({"credential": credential, "raw": new}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _header(path: Path) -> tuple[int | None, str]:
    """(newest `stored` that was looked at or None, pseudonym)."""
    with path.open() as file:
        first = json.loads(file.readline())
    return first["newest_stored"] or None, first["pseudonym"]


@contextlib.contextmanager
def _statements(path: Path) -> Iterator[Iterator[dict[str, Any]]]:
    with path.open() as file:
        file.readline()
        yield (json.loads(line) for line in file)


def _restore(settings: Settings, tenant: str, path: Path) -> None:
    """Store what was put by, once: ids that are there already stay as they are."""
    database = open_database(settings)
    keys = KeyMaker(index_secret(database))

    def keys_of(place: str, raw: bytes) -> list[int]:
        statement = msgspec.json.decode(raw)
        return keys.keys(place, statement, statement["authority"])

    definitions = Definitions()
    with contextlib.closing(database.connect()) as connection, _statements(path) as found:
        while chunk := [line for _, line in zip(range(_BATCH), found, strict=False)]:
            batches = [
                Batch(tenant, line["credential"], [_prepared(keys, tenant, line["raw"])], may_define=False)
                for line in chunk
            ]
            append(connection, batches, keys_of, definitions, above=0)


def _prepared(keys: KeyMaker, tenant: str, raw: str) -> Prepared:
    statement = msgspec.json.decode(raw)
    statement.pop("stored", None)
    thing = statement["object"]
    is_reference = thing.get("objectType") == "StatementRef"
    return Prepared(
        id=uuid.UUID(statement["id"]).bytes,
        id_text=statement["id"].lower(),
        head=msgspec.json.encode(statement)[:-1],
        lacks_timestamp="timestamp" not in statement,
        keys=keys.keys(tenant, statement, statement["authority"]),
        target=uuid.UUID(thing["id"]).bytes if is_reference else None,
        is_voiding=is_reference and statement["verb"]["id"] == VOIDED,
        definitions=[],
    )


def _keep_attachments(
    settings: Settings, tenant: str, *, raws: Iterable[bytes] = (), back: bool = False
) -> None:
    """Hold the files of statements that will be stored again against the removal; `back`: let go, each in its place again."""
    folder = attachments.folder_of(settings.home, tenant)
    kept = folder / KEPT_ATTACHMENTS
    for raw in raws:
        for described in attachments.described(msgspec.json.decode(raw)):
            path = attachments.path_of(folder, described["sha2"].lower())
            if path.is_file() and not (kept / path.name).exists():
                kept.mkdir(parents=True, exist_ok=True)
                os.link(path, kept / path.name)
    if back and kept.is_dir():
        for file in kept.iterdir():
            place = attachments.path_of(folder, file.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
        kept.rmdir()


def _own_documents(connection: Connection, subject: Subject) -> list[tuple[str, str, str, str, bytes]]:
    """(kind, activity, name, content type, content) of the documents that belong to the person."""
    agents = sorted({text for one in subject.identifiers for text in index_texts(one)})
    if not agents:
        return []
    marks = ",".join("?" * len(agents))
    found = connection.rows(
        f"select kind, activity, name, content_type, content from document where tenant = ? and agent in ({marks})"
        " order by kind, activity, name",
        [subject.tenant, *agents],
    )
    return [(kind, activity, name, form, bytes(content)) for kind, activity, name, form, content in found]


def _naming_documents(connection: Connection, subject: Subject) -> list[tuple[tuple[str, ...], bytes]]:
    """(place, content) of others' documents whose content names the person."""
    redactor = _redactor(subject, "-")
    own = {text for one in subject.identifiers for text in index_texts(one)}
    found = []
    for *place, content in connection.stream(
        "select kind, activity, agent, registration, name, content from document where tenant = ?",
        [subject.tenant],
    ):
        if place[2] not in own and redactor.content(bytes(content)) != bytes(content):
            found.append((tuple(place), bytes(content)))
    return found


def _rewrite_documents(settings: Settings, subject: Subject, pseudonym: str) -> None:
    redactor = _redactor(subject, pseudonym)
    with contextlib.closing(open_database(settings).connect()) as connection:
        for place, content in _naming_documents(connection, subject):
            new = redactor.content(content)
            etag = hashlib.sha1(new, usedforsecurity=False).hexdigest()
            with connection.writing():
                connection.execute(
                    "update document set content = ?, etag = ? where tenant = ? and kind = ? and activity = ?"
                    " and agent = ? and registration = ? and name = ? and content = ?",
                    [new, etag, subject.tenant, *place, content],
                )


def _files(settings: Settings, connection: Connection, subject: Subject, seqs: Iterable[int]) -> list[Path]:
    """Attachments of these statements whose bytes are here."""
    folder = attachments.folder_of(settings.home, subject.tenant)
    hashes = rows.attachments_of(connection, seqs)
    return [path for sha2 in sorted(hashes) if (path := attachments.path_of(folder, sha2)).is_file()]


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def _mentions(connection: Connection, seqs: Iterable[int]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "stored", "verb"])
    for _, raw, _ in _raws(connection, seqs):
        statement = msgspec.json.decode(raw)
        writer.writerow([statement["id"], statement["stored"], statement["verb"]["id"]])
    return out.getvalue().encode()
