"""Parameters of a query string, read and checked: agents, IRIs, UUIDs, times, booleans."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from lrs.answers import SECTION_ERRORS, ApiError
from lrs.statement import Flaw
from lrs.statement.actor import check_actor
from lrs.statement.decode import decode_json
from lrs.statement.formats import SECTION_TIMESTAMP, check_iri, check_uuid, parse_timestamp
from lrs.store.moment import microseconds_of


def agent_parameter(name: str, text: str) -> dict[str, Any]:
    """An agent or identified group as JSON."""
    try:
        actor = decode_json(text.encode())
        check_actor(actor)
    except Flaw as flaw:
        raise ApiError(400, f"the parameter {name}: {flaw.rule}", flaw.section, path=flaw.path) from None
    return dict(actor)


def text_parameter(name: str, text: str) -> str:
    """A name that a client chose. PostgreSQL keeps every character but one in a text; SQLite is held to the same."""
    if "\0" in text:
        raise ApiError(400, f"the parameter {name} must not hold the character U+0000", SECTION_ERRORS)
    return text


def iri_parameter(name: str, text: str) -> str:
    try:
        check_iri(text)
    except Flaw as flaw:
        raise ApiError(400, f"the parameter {name} {flaw.rule}", flaw.section) from None
    return text


def uuid_parameter(name: str, text: str) -> uuid.UUID:
    try:
        check_uuid(text)
    except Flaw as flaw:
        raise ApiError(400, f"the parameter {name} {flaw.rule}", flaw.section) from None
    return uuid.UUID(text)


def boolean_parameter(parameters: Mapping[str, str], name: str) -> bool:
    """False where it is absent."""
    text = parameters.get(name, "false")
    if text not in ("true", "false"):
        raise ApiError(400, f"the parameter {name} must be true or false", SECTION_ERRORS)
    return text == "true"


def time_parameter(parameters: Mapping[str, str], name: str) -> int | None:
    """Microseconds since 1970; None where it is absent."""
    text = parameters.get(name)
    if text is None:
        return None
    moment = parse_timestamp(text)
    if moment is None:
        raise ApiError(400, f"the parameter {name} must be a timestamp of ISO 8601", SECTION_TIMESTAMP)
    return microseconds_of(moment)
