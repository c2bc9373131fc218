"""Parts of statements that come again and again: learners, verbs, activities, contexts. Checked once, then known by their bytes."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from lrs.statement.decode import NESTING_MAX, string_count
from lrs.statement.identity import PARTS
from lrs.statement.prepare import KeyMaker, Part, has_single_activities
from lrs.statement.statement import Version, check_statement

_PART_MAX_BYTES = 4096
_OWN_BYTES = 600
"""What remembering a part takes besides its own bytes, about."""
_HALF_MAX_BYTES = 24 * 2**20


_ABSENT = msgspec.Raw()


class _Fields(msgspec.Struct, forbid_unknown_fields=True):
    """A statement without attachments and without what only an LRS sets; what may be large as the bytes it came in."""

    actor: msgspec.Raw
    verb: msgspec.Raw
    object: msgspec.Raw
    id: Any = None
    timestamp: Any = None
    version: Any = None
    result: msgspec.Raw = _ABSENT
    context: msgspec.Raw = _ABSENT


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    """A part that keeps every rule. `outline`: what is asked of it beyond its rules; `quotes`: quotation marks in its JSON."""

    outline: dict[str, Any]
    part: Part
    quotes: int


_Key = tuple[str, bool, str, str, bytes]
_decode = msgspec.json.Decoder(_Fields).decode


class KnownParts:
    """Remembers parts in two halves of bounded size: when the younger is full, the older, of what nobody asked for lately, goes."""

    def __init__(self, keys: KeyMaker) -> None:
        self._keys = keys
        self._young: dict[_Key, _Known] = {}
        self._old: dict[_Key, _Known] = {}
        self._young_bytes = self._old_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What all that is remembered takes, about."""
        return self._young_bytes + self._old_bytes

    def check(
        self, raw: msgspec.Raw | bytes, *, tenant: str, version: Version
    ) -> tuple[dict[str, Any], list[Part]] | None:
        """The checked statement, of known parts no more than an outline, and its parts. Raises the first Flaw.

        None if it is not as statements mostly are (broken JSON, attachments, sub-statements, ...): then it must be read whole.
        """
        text = bytes(raw)
        if text.count(b"{") + text.count(b"[") > NESTING_MAX:
            return None
        try:
            return self._check(text, tenant, version)
        except (msgspec.DecodeError, RecursionError):
            return None

    def _check(self, text: bytes, tenant: str, version: Version) -> tuple[dict[str, Any], list[Part]] | None:
        fields = _decode(text)
        statement: dict[str, Any] = {}
        # A key that is there twice has quotation marks that nothing here accounts for: no two properties share any.
        quotes = 0
        for name in ("id", "timestamp", "version"):
            value = getattr(fields, name)
            if value is not None:
                statement[name] = value
                quotes += 4
        if result := bytes(fields.result):
            quotes += 2 + _decode_into(statement, "result", result)
        found: dict[str, _Known] = {}
        fresh: list[tuple[_Key, int]] = []
        kind, is_2 = "", version is Version.V2
        for name in PARTS:
            piece = bytes(getattr(fields, name))
            if not piece:
                continue
            # What a context may hold depends on the type of the object.
            key = (tenant, is_2, name, kind if name == "context" else "", piece)
            known = self._young.get(key) or self._from_old(key)
            if known is None:
                inside = _decode_into(statement, name, key[-1])
                fresh.append((key, inside))
            else:
                inside = known.quotes
                statement[name] = known.outline
                found[name] = known
            quotes += 2 + inside
            if name == "object":
                kind = _object_type(statement[name])
        if quotes != text.count(b'"') or kind in ("", "SubStatement"):
            return None
        check_statement(statement, version, known=found)
        parts = [known.part for known in found.values()]
        if fresh:
            if has_single_activities(statement):
                return None
            parts += [self._remember(key, statement[key[2]], quotes) for key, quotes in fresh]
        return statement, parts

    def _from_old(self, key: _Key) -> _Known | None:
        known = self._old.get(key)
        if known is not None:
            self._put(key, known)
        return known

    def _remember(self, key: _Key, value: dict[str, Any], quotes: int) -> Part:
        tenant, _, name, _, text = key
        part = self._keys.part(tenant, name, value)
        if len(text) <= _PART_MAX_BYTES:
            outline = {name: value[name] for name in ("objectType", "id") if name in value}
            self._put(key, _Known(outline, part, quotes))
        return part

    def _put(self, key: _Key, known: _Known) -> None:
        self._young[key] = known
        self._young_bytes += len(key[-1]) + _OWN_BYTES
        if self._young_bytes > _HALF_MAX_BYTES:
            self._old, self._old_bytes = self._young, self._young_bytes
            self._young, self._young_bytes = {}, 0


def _decode_into(statement: dict[str, Any], name: str, text: bytes) -> int:
    """How many quotation marks the JSON of the property has; one less, so that the sum cannot be right, if a key is there twice."""
    value = statement[name] = msgspec.json.decode(text)
    quotes = text.count(b'"')
    return quotes if string_count(text) == string_count(msgspec.json.encode(value)) else quotes - 1


def _object_type(thing: Any) -> str:
    kind = thing.get("objectType", "Activity") if type(thing) is dict else None
    return kind if type(kind) is str else ""
