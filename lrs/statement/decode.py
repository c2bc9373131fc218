"""JSON as it arrives: parsed, with doubled keys refused, and cut into statements whose bytes are kept as they came."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import msgspec

from lrs.statement.flaw import Flaw

SECTION_JSON = "xAPI 1.0.3 Data 2.2; 2.0 4.2.1"

NESTING_MAX = 200
"""Objects and arrays inside each other in one statement. Everything that reads statements later has a limit of its own."""

_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_decode_pieces = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def decode_json(body: bytes) -> Any:
    """The value of `body`. Broken JSON and objects that name a key twice are a Flaw."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        value = _decode_slowly(body, error)
    except RecursionError:
        raise Flaw("is nested too deeply", SECTION_JSON) from None
    if string_count(body) != string_count(msgspec.json.encode(value)):
        json.loads(body, object_pairs_hook=_refuse_doubled_keys)
    return value


def decode_stored(raw: bytes) -> Any:
    """What the store holds. A number beyond a double's range becomes its own text, so that encoding gives it back exactly."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return json.loads(raw, parse_float=_float_or_text)


def check_nesting(raw: msgspec.Raw | bytes, value: Any) -> None:
    """`value` is `raw` decoded. Most statements have fewer brackets than may be nested, and cost no more than counting."""
    text = bytes(raw)
    if text.count(b"{") + text.count(b"[") <= NESTING_MAX:
        return
    level = [value]
    for _ in range(NESTING_MAX):
        inner = (item.values() if type(item) is dict else item for item in level)
        level = [item for items in inner for item in items if type(item) in (dict, list)]
        if not level:
            return
    raise Flaw(f"is nested deeper than {NESTING_MAX} objects and arrays", SECTION_JSON)


def statement_bytes(body: bytes) -> list[msgspec.Raw]:
    """The items of a JSON array, each as the bytes it came in. Raises Flaw."""
    try:
        return _decode_pieces(body)
    except msgspec.DecodeError as error:
        raise Flaw(f"is not valid JSON: {error}", SECTION_JSON) from None
    except RecursionError:
        raise Flaw("is nested too deeply", SECTION_JSON) from None


def fields_of(statement: msgspec.Raw | bytes) -> dict[str, msgspec.Raw]:
    """The properties of a JSON object, each value as the bytes it came in."""
    return _decode_fields(statement)


def string_count(text: bytes) -> int:
    """How many strings the JSON text holds. Parsing drops all but the last of doubled keys, so then this shrinks."""
    return len(_STRINGS.findall(text)) if b"\\" in text else text.count(b'"') // 2


def _decode_slowly(body: bytes, error: msgspec.DecodeError) -> Any:
    """Numbers beyond a double's range are JSON all the same; everything else that msgspec refuses is broken."""
    if "out of range" not in str(error):
        raise Flaw(f"is not valid JSON: {error}", SECTION_JSON) from None
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except ValueError as second:
        raise Flaw(f"is not valid JSON: {second}", SECTION_JSON) from None
    except RecursionError:
        raise Flaw("is nested too deeply", SECTION_JSON) from None


def _float_or_text(text: str) -> float | msgspec.Raw:
    value = float(text)
    return value if math.isfinite(value) else msgspec.Raw(text.encode())


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _refuse_doubled_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Flaw(f"the key {key!r} appears twice in one object", SECTION_JSON)
        found[key] = value
    return found
