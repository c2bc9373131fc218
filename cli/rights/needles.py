"""What a scan looks for: every text that names the person, in each spelling that some format may keep it in."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from learnlake.protocols import SHORTEST, Subject, is_distinctive, standing_alone

_ESCAPED_ASCII = frozenset(f"\\u00{high}".encode() for high in "234567")
_AT_ONCE = 48
"""Patterns in one search: with more than 64 the library goes through a text byte by byte."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclasses.dataclass(frozen=True, slots=True)
class Needle:
    """One text. `label` may be shown: it says what the text is and never tells it. `is_key`: one of our own keys, which nothing encodes and the audit trail keeps."""

    label: str
    text: str
    is_key: bool = False


def needles_of(subject: Subject) -> tuple[Needle, ...]:
    """Every text that names the person alone; keys too."""
    found: dict[str, Needle] = {}

    def add(label: str, text: str, *, is_key: bool = False) -> None:
        found.setdefault(text, Needle(label, text, is_key))

    for number, one in enumerate(subject.identifiers, start=1):
        label = f"identifier {number} ({one.kind})"
        home_page, value = one.account_parts if one.kind == "account" else ("", one.value)
        value = re.sub("^mailto:", "", value, flags=re.IGNORECASE)
        if is_distinctive(value):
            add(label, value)
        elif one.kind == "account":
            for text in _accounts(home_page, value):
                add(label, text)
    for number, mark in enumerate(subject.marks, start=1):
        if is_distinctive(mark):
            add(f"mark {number}", mark)
    for number, key in enumerate(subject.person_keys, start=1):
        add(f"person_key {number}", key, is_key=True)
    for number, key in enumerate(subject.identifier_keys, start=1):
        add(f"identifier_key {number}", key, is_key=True)
    return tuple(found.values())


def _accounts(home_page: str, name: str) -> list[str]:
    """An account whole: as people.db and documents keep it, and as JSON has it."""
    page, user = (json.dumps(text, ensure_ascii=False) for text in (home_page, name))
    pairs = [(f'"homePage":{gap}{page}', f'"name":{gap}{user}', gap) for gap in ("", " ")]
    return [
        f"{home_page}\n{name}",
        *(f"{first},{gap}{second}" for a, b, gap in pairs for first, second in ((a, b), (b, a))),
    ]


def encodings(text: str) -> set[str]:
    """How `text` may stand in a file that is read as Latin-1 or UTF-8, letter case aside."""
    escaped = json.dumps(text)[1:-1]
    found = {text, escaped, escaped.replace("/", "\\/"), html.escape(text)}
    found.add(
        "".join(c if c.isalnum() and c.isascii() else f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000)
    )
    found |= {quote(text, safe=safe) for safe in ("", "@", ":/", ":/@")}
    found |= {text.lower(), text.upper()} if not text.isascii() else set()
    found |= {one.encode().decode("latin-1") for one in list(found) if not one.isascii()}
    return found | {"\0".join(text), "\0\0\0".join(text)} | set(_base64(text))


def _raw(spelling: str) -> Iterator[bytes]:
    """A spelling's bytes, in UTF-8 and in Latin-1."""
    yield spelling.encode()
    if not spelling.isascii():
        with contextlib.suppress(UnicodeEncodeError):
            yield spelling.encode("latin-1")


def _base64(text: str) -> Iterable[str]:
    """What base64 makes of `text` wherever in a longer text it begins: the letters that do not depend on what is around."""
    for shift in range(3):
        data = b"\0" * shift + text.encode()
        coded = base64.b64encode(data + b"\0" * (-len(data) % 3)).decode()
        kept = coded[(0, 2, 3)[shift] : len(coded) - (0, 3, 2)[len(data) % 3]]
        if len(kept) >= SHORTEST + 2:
            yield kept
            if "+" in kept or "/" in kept:
                yield kept.replace("+", "-").replace("/", "_")


class Matcher:
    """Finds needles: `spans` and `candidates` quickly and rather too many, `labels` exactly."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        self.needles = tuple(needles)
        spelt = {
            spelling
            for needle in self.needles
            for spelling in ({needle.text} if needle.is_key else encodings(needle.text))
        }
        patterns = sorted({raw.lower() for spelling in spelt for raw in _raw(spelling)} | _ESCAPED_ASCII)
        # The leftmost of a match is enough, and lets the library leap over text by SIMD: six times as fast as all matches
        self._searches = [
            BytesAhoCorasick(patterns[start : start + _AT_ONCE], matchkind=MatchKind.LeftmostFirst)
            for start in range(0, len(patterns), _AT_ONCE)
        ]

    def spans(self, data: bytes | memoryview) -> Iterator[tuple[int, int]]:
        """(start, end) of places in `data`, bytes of any encoding, that may be a needle's; those that spell ASCII in JSON escapes too.

        Of places that overlap only the first is sure to be named.
        """
        lowered = bytes(data).lower()
        for search in self._searches:
            for _, start, end in search.find_matches_as_indexes(lowered):
                yield start, end

    def candidates(self, texts: pa.Array) -> list[int]:
        """Rows of `texts` (strings or bytes) that may hold a needle. All are searched in one go, as they lie in memory."""
        if pa.types.is_string_view(texts.type) or pa.types.is_binary_view(texts.type):
            texts = texts.cast(pa.large_binary())
        wide = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
        _, places, data = texts.buffers()
        if not len(texts) or data is None:
            return []
        offsets = np.frombuffer(places, np.int64 if wide else np.int32)
        offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
        first = int(offsets[0])
        found: set[int] = set()
        for start, end in self.spans(memoryview(data)[first : int(offsets[-1])]):
            # A match that reaches over a row's end is none, but may hide one in either row
            row, last = np.searchsorted(offsets, (first + start, first + end - 1), side="right") - 1
            found.update(range(int(row), int(last) + 1))
        return sorted(found)

    def labels(self, text: str) -> set[str]:
        """Labels of the needles in `text`, each standing by itself: `ann-1` is not in `joann-1` nor in `ann-12`."""
        views = _views(text)
        found = set()
        for needle in self.needles:
            bounded = _bounded(needle.text)
            coded = () if needle.is_key else unbounded(needle.text)
            if any(bounded.search(view) for view in views) or any(spelling in text for spelling in coded):
                found.add(needle.label)
        return found


def _views(text: str) -> set[str]:
    """`text` as it is and with its escapes undone."""
    views = {text}
    if "\\" in text:
        views.add(_ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _SIMPLE.get(m[2], m[2]), text))
    views |= {unquote(view) for view in list(views) if "%" in view}
    views |= {html.unescape(view) for view in list(views) if "&" in view}
    if not text.isascii():
        with contextlib.suppress(UnicodeEncodeError):
            views.add(text.encode("latin-1").decode("utf-8", "replace"))
    return views


@functools.lru_cache(maxsize=4096)
def _bounded(text: str) -> re.Pattern[str]:
    return standing_alone(text)


@functools.lru_cache(maxsize=4096)
def unbounded(text: str) -> tuple[str, ...]:
    """Spellings with no boundary around them."""
    return ("\0".join(text), "\0\0\0".join(text), *_base64(text))
