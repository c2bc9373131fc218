"""The format `canonical`: activities with the LRS's merged definitions, each text in one language (Communication 2.1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lrs.statement.activity import INTERACTION_COMPONENTS
from lrs.statement.decode import decode_stored
from lrs.statement.identity import activities

_COMPONENT_LISTS = {key for keys in INTERACTION_COMPONENTS.values() for key in keys}


def preferred_languages(header: str | None) -> list[str]:
    """The language ranges of an Accept-Language header in lower case, best first; those with q=0 are left out."""
    found: list[tuple[float, int, str]] = []
    for position, item in enumerate((header or "").split(",")):
        language, _, parameters = item.strip().partition(";")
        quality = 1.0
        name, _, value = parameters.strip().partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
        if language and quality > 0:
            found.append((-quality, position, language.strip().lower()))
    return [language for _, _, language in sorted(found)]


def one_language(texts: Mapping[str, str], preferred: Sequence[str]) -> dict[str, str]:
    """The entry that fits best: a range also takes longer tags, and falls back to shorter ones (RFC 4647)."""
    if len(texts) < 2:
        return dict(texts)
    tags = {tag.lower(): tag for tag in texts}
    for wanted in preferred:
        if wanted == "*":
            break
        while wanted:
            for lower, tag in tags.items():
                if lower == wanted or lower.startswith(f"{wanted}-"):
                    return {tag: texts[tag]}
            wanted = wanted.rpartition("-")[0]
    tag = next(iter(texts))
    return {tag: texts[tag]}


def activity_ids(raw: bytes) -> set[str]:
    """The activities that the stored statement names."""
    return {activity["id"] for activity in activities(decode_stored(raw))}


def canonical(raw: bytes, definitions: Mapping[str, dict[str, Any]], preferred: Sequence[str]) -> bytes:
    """The stored statement in canonical form. `definitions` are by activity IRI."""
    statement = decode_stored(raw)
    for activity in activities(statement):
        if activity["id"] in definitions:
            activity["definition"] = definitions[activity["id"]]
        if "definition" in activity:
            activity["definition"] = _definition(activity["definition"], preferred)
    thing = statement["object"]
    for part in (statement, thing if thing.get("objectType") == "SubStatement" else {}):
        if "display" in part.get("verb", {}):
            part["verb"]["display"] = one_language(part["verb"]["display"], preferred)
        for attachment in part.get("attachments", ()):
            for key in ("display", "description"):
                if key in attachment:
                    attachment[key] = one_language(attachment[key], preferred)
    return msgspec.json.encode(statement)


def _definition(definition: Mapping[str, Any], preferred: Sequence[str]) -> dict[str, Any]:
    form = dict(definition)
    for key in ("name", "description"):
        if key in form:
            form[key] = one_language(form[key], preferred)
    for key in _COMPONENT_LISTS & form.keys():
        form[key] = [
            {**component, "description": one_language(component["description"], preferred)}
            if "description" in component
            else component
            for component in form[key]
        ]
    return form
