"""From a checked statement to what the store keeps: the bytes as received with the LRS's own properties set, and its keys."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from lrs.statement.decode import fields_of
from lrs.statement.identity import PARTS, part_activities, part_terms, terms
from lrs.statement.statement import Version
from lrs.statement.verb import VOIDED

_DEFAULT_VERSION = {Version.V1: b',"version":"1.0.0"', Version.V2: b',"version":"2.0.0"'}
_REPLACED = frozenset({"stored", "authority"})


@dataclasses.dataclass(slots=True)
class Prepared:
    """One statement ready to be stored. `head` is its JSON without the closing brace; the writer adds the times."""

    id: bytes
    id_text: str
    head: bytes
    lacks_timestamp: bool
    keys: list[int]
    target: bytes | None
    is_voiding: bool
    definitions: list[tuple[str, bytes]]


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What one property of a statement gives to the store: filter keys, and definitions of activities as (IRI, JSON)."""

    keys: tuple[int, ...]
    definitions: tuple[tuple[str, bytes], ...]


class KeyMaker:
    """Turns the terms of a statement into 64-bit keys of the store's index.

    The hash is keyed with a secret of the store: nobody outside can aim at a collision, and keys of two tenants differ.
    """

    def __init__(self, secret: bytes) -> None:
        @functools.lru_cache(maxsize=100_000)
        def key(tenant: str, kind: str, value: str) -> int:
            digest = hashlib.blake2b(
                f"{tenant}\0{kind}\0{value}".encode(), digest_size=8, key=secret
            ).digest()
            return int.from_bytes(digest, "big", signed=True)

        self.key = key

    def keys(self, tenant: str, statement: dict[str, Any], authority: dict[str, Any]) -> list[int]:
        """The keys of every term of `statement`."""
        key = self.key
        return [key(tenant, kind, value) for kind, value in terms(statement, authority)]

    def part(self, tenant: str, name: str, value: dict[str, Any]) -> Part:
        """What the property `name` of a checked statement gives: one of `PARTS`, or the authority."""
        return Part(
            tuple(self.key(tenant, kind, term) for kind, term in part_terms(name, value)),
            tuple(
                (activity["id"], msgspec.json.encode(activity["definition"]))
                for activity in part_activities(name, value)
                if "definition" in activity
            ),
        )

    def parts(self, tenant: str, statement: dict[str, Any]) -> list[Part]:
        """What all properties of a checked statement give."""
        return [self.part(tenant, name, statement[name]) for name in PARTS if name in statement]


def prepare(
    raw: msgspec.Raw | bytes,
    statement: dict[str, Any],
    parts: Sequence[Part],
    *,
    version: Version,
    authority_json: msgspec.Raw,
    named_id: str | None = None,
) -> Prepared:
    """`statement` is `raw` decoded and checked. Its numbers, texts and spelling stay as they came.

    A statement without an id gets `named_id`, or else a new one.
    """
    id_text: str = statement.get("id") or named_id or str(uuid.uuid4())
    own = b',"authority":' + bytes(authority_json)
    if "version" not in statement:
        own += _DEFAULT_VERSION[version]
    if statement.keys() & _REPLACED or "id" not in statement or has_single_activities(statement):
        head = _rebuilt(raw, statement, id_text)
    else:
        head = bytes(raw).strip()[:-1]
    thing = statement["object"]
    is_reference = thing.get("objectType") == "StatementRef"
    return Prepared(
        id=bytes.fromhex(id_text.replace("-", "")),
        id_text=id_text.lower(),
        head=head + own,
        lacks_timestamp="timestamp" not in statement,
        keys=list({key for part in parts for key in part.keys}),
        target=bytes.fromhex(thing["id"].replace("-", "")) if is_reference else None,
        is_voiding=is_reference and statement["verb"]["id"] == VOIDED,
        definitions=[definition for part in parts for definition in part.definitions],
    )


def has_single_activities(statement: dict[str, Any]) -> bool:
    """A context activity stands where an array should (taken for version 0.9's sake, kept as an array of one)."""
    for owner in (statement, statement["object"]):
        context = owner.get("context")
        if context is not None and "contextActivities" in context:
            for value in context["contextActivities"].values():
                if type(value) is dict:
                    return True
    return False


def _rebuilt(raw: msgspec.Raw | bytes, statement: dict[str, Any], id_text: str) -> bytes:
    """The statement's JSON without its closing brace, with its id, without what the LRS sets, arrays where they belong."""
    fields = {name: value for name, value in fields_of(raw).items() if name not in _REPLACED}
    if "id" not in fields:
        fields = {"id": msgspec.Raw(f'"{id_text}"'.encode()), **fields}
    if has_single_activities(statement):
        if "context" in fields:
            fields["context"] = _with_arrays(fields["context"])
        thing = fields_of(fields["object"])
        if "context" in thing:
            thing["context"] = _with_arrays(thing["context"])
            fields["object"] = msgspec.Raw(msgspec.json.encode(thing))
    return msgspec.json.encode(fields)[:-1]


def _with_arrays(context: msgspec.Raw) -> msgspec.Raw:
    fields = fields_of(context)
    if "contextActivities" not in fields:
        return context
    relations = {
        key: [value] if bytes(value).lstrip().startswith(b"{") else value
        for key, value in fields_of(fields["contextActivities"]).items()
    }
    fields["contextActivities"] = msgspec.Raw(msgspec.json.encode(relations))
    return msgspec.Raw(msgspec.json.encode(fields))
