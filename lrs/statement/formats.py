"""Strings with a format: IRIs, UUIDs, language tags and maps, extensions, timestamps, durations, media types."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import Any

from lrs.statement.flaw import Flaw, check_string, wrong_type

SECTION_EXTENSIONS = "xAPI 1.0.3 Data 4.1; 2.0 4.2.7"
SECTION_LANGUAGE = "xAPI 1.0.3 Data 4.2; 2.0 4.2.7"
SECTION_IRI = "xAPI 1.0.3 Data 4.3; 2.0 4.2.7"
SECTION_UUID = "xAPI 1.0.3 Data 4.4; 2.0 4.2.7"
SECTION_TIMESTAMP = "xAPI 1.0.3 Data 4.5; 2.0 4.2.7"
SECTION_DURATION = "xAPI 1.0.3 Data 4.6; 2.0 4.2.7"

# RFC 3987: a scheme, then anything but white space, control characters and the characters no IRI may hold.
_IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20\x7f-\x9f<>"{}|\\^`]+', re.ASCII).fullmatch
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})").search
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}").fullmatch
_GRANDFATHERED = (
    "en-GB-oed|i-ami|i-bnn|i-default|i-enochian|i-hak|i-klingon|i-lux|i-mingo|i-navajo|i-pwn|i-tao|i-tay|i-tsu|"
    "sgn-BE-FR|sgn-BE-NL|sgn-CH-DE|art-lojban|cel-gaulish|no-bok|no-nyn|zh-guoyu|zh-hakka|zh-min|zh-min-nan|zh-xiang"
)
_LANGUAGE_TAG = re.compile(  # RFC 5646, 2.1
    r"(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    rf"|x(?:-[a-z0-9]{{1,8}})+|{_GRANDFATHERED})",
    re.IGNORECASE | re.ASCII,
).fullmatch
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
).fullmatch
_ISO8601 = re.compile(
    r"\d{4}-?(?:\d\d-?\d\d|W\d\d-?\d)[T ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
).fullmatch
_UNKNOWN_OFFSET = re.compile(r"-00(?::?00)?$").search
_NUMBER = r"\d+(?:[.,]\d+)?"
_DURATION = re.compile(
    rf"P(?:({_NUMBER})W|(?=\d|T\d)(?:({_NUMBER})Y)?(?:({_NUMBER})M)?(?:({_NUMBER})D)?"
    rf"(?:T(?=\d)(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?)",
    re.ASCII,
).fullmatch
_DURATION_SECONDS = (604800, 365 * 86400, 30 * 86400, 86400, 3600, 60, 1)
_MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+(?:\s*;\s*[\w!#$&^.+\-]+=(?:[\w!#$&^.+\-:]+|\"[^\"]*\"))*", re.ASCII
).fullmatch


@functools.lru_cache(maxsize=32_768)
def is_iri(value: str) -> bool:
    """Remembered: verbs, types and activities come again and again."""
    return _IRI(value) is not None and ("%" not in value or _BROKEN_PERCENT(value) is None)


def check_iri(value: Any, *path: str | int) -> None:
    """An absolute IRI (RFC 3987); IRLs and URIs are written alike."""
    if type(value) is not str:
        raise wrong_type("an IRI in a string", value, SECTION_IRI, *path)
    if not is_iri(value):
        raise Flaw('must be an absolute IRI: scheme, colon, and no spaces or <>"{}|\\^`', SECTION_IRI, *path)


def check_uuid(value: Any, *path: str | int) -> None:
    """A UUID in standard string form (RFC 4122)."""
    if type(value) is not str:
        raise wrong_type("a UUID in a string", value, SECTION_UUID, *path)
    if _UUID(value) is None:
        raise Flaw("must be a UUID in the form 8-4-4-4-12 hexadecimal digits", SECTION_UUID, *path)


def is_language_tag(value: str) -> bool:
    return _LANGUAGE_TAG(value) is not None


def check_language_tag(value: Any, *path: str | int) -> None:
    check_string(value, SECTION_LANGUAGE, *path)
    if _LANGUAGE_TAG(value) is None:
        raise Flaw("must be a language tag of RFC 5646, for example en-US", SECTION_LANGUAGE, *path)


def check_language_map(value: Any, *path: str | int) -> None:
    """An object whose keys are language tags and whose values are strings."""
    if type(value) is not dict:
        raise wrong_type("a language map (an object)", value, SECTION_LANGUAGE, *path)
    for tag, text in value.items():
        if tag != "en-US" and tag != "en" and _LANGUAGE_TAG(tag) is None:
            raise Flaw("must be a language tag of RFC 5646, for example en-US", SECTION_LANGUAGE, *path, tag)
        if type(text) is not str:
            raise wrong_type("a string", text, SECTION_LANGUAGE, *path, tag)


def check_extensions(value: Any, *path: str | int) -> None:
    """An object whose keys are IRIs; any values."""
    if type(value) is not dict:
        raise wrong_type("an object", value, SECTION_EXTENSIONS, *path)
    for key in value:
        if not is_iri(key):
            raise Flaw("every key of extensions must be an IRI", SECTION_EXTENSIONS, *path, key)


def parse_timestamp(text: str, *, rfc3339_only: bool = False) -> dt.datetime | None:
    """The moment in UTC, to the microsecond; None if the text is not a timestamp. Without a zone it is taken as UTC."""
    if (_RFC3339 if rfc3339_only else _ISO8601)(text) is None or _UNKNOWN_OFFSET(text):
        return None
    text = text.upper()
    leap_second = text[16:19] == ":60"
    try:
        moment = dt.datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if leap_second else text)
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def check_timestamp(value: Any, rfc3339_only: bool, *path: str | int) -> None:
    """ISO 8601 for version 1.0.x, RFC 3339 for 2.0; the offset -00 says that the zone is unknown and is refused."""
    if type(value) is not str:
        raise wrong_type("a timestamp in a string", value, SECTION_TIMESTAMP, *path)
    if parse_timestamp(value, rfc3339_only=rfc3339_only) is None:
        norm = "RFC 3339" if rfc3339_only else "ISO 8601"
        raise Flaw(
            f"must be a timestamp of {norm}, for example 2026-01-31T09:30:00.000Z, not offset -00",
            SECTION_TIMESTAMP,
            *path,
        )


def check_duration(value: Any, *path: str | int) -> None:
    """ISO 8601:2004(E) 4.4.3.2: designators; weeks stand alone."""
    if type(value) is not str:
        raise wrong_type("a duration in a string", value, SECTION_DURATION, *path)
    if _DURATION(value) is None:
        raise Flaw(
            "must be a duration of ISO 8601, for example PT4H35M59.14S or P4W", SECTION_DURATION, *path
        )


def duration_seconds(text: str) -> float | None:
    """The duration in seconds (a year counts 365 days, a month 30); None if it is none."""
    match = _DURATION(text)
    if match is None:
        return None
    return sum(
        float(part.replace(",", ".")) * seconds
        for part, seconds in zip(match.groups(), _DURATION_SECONDS, strict=True)
        if part
    )


def is_media_type(value: str) -> bool:
    return _MEDIA_TYPE(value) is not None
