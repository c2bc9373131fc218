"""Activities, their definitions and interactions (xAPI 1.0.3 Data 2.4.4.1)."""

from __future__ import annotations

from typing import Any

from lrs.statement.flaw import Flaw, check_keys, check_string, wrong_type
from lrs.statement.formats import check_extensions, check_iri, check_language_map

SECTION_ACTIVITY = "xAPI 1.0.3 Data 2.4.4.1; 2.0 4.2.2.3"
SECTION_INTERACTION = "xAPI 1.0.3 Data 2.4.4.1 Interaction Activities; 2.0 4.2.2.3"

_ACTIVITY_KEYS = frozenset({"objectType", "id", "definition"})
_COMPONENT_LISTS = ("choices", "scale", "source", "target", "steps")
_PLAIN_KEYS = frozenset({"name", "description", "type", "moreInfo", "extensions"})
_INTERACTION_KEYS = frozenset({"interactionType", "correctResponsesPattern", *_COMPONENT_LISTS})
_DEFINITION_KEYS = _PLAIN_KEYS | _INTERACTION_KEYS
_COMPONENT_KEYS = frozenset({"id", "description"})

INTERACTION_COMPONENTS: dict[str, tuple[str, ...]] = {
    "true-false": (),
    "choice": ("choices",),
    "fill-in": (),
    "long-fill-in": (),
    "matching": ("source", "target"),
    "performance": ("steps",),
    "sequencing": ("choices",),
    "likert": ("scale",),
    "numeric": (),
    "other": (),
}
"""The component lists that each interaction type may have."""


def check_activity(activity: Any) -> None:
    check_keys(activity, _ACTIVITY_KEYS, SECTION_ACTIVITY)
    if "objectType" in activity and activity["objectType"] != "Activity":
        raise Flaw('must be "Activity"', SECTION_ACTIVITY, "objectType")
    if "id" not in activity:
        raise Flaw("is required in an activity", SECTION_ACTIVITY, "id")
    check_iri(activity["id"], "id")
    if "definition" in activity:
        try:
            check_definition(activity["definition"])
        except Flaw as flaw:
            raise flaw.under("definition") from None


def check_definition(definition: Any) -> None:
    check_keys(definition, _DEFINITION_KEYS, SECTION_ACTIVITY)
    if "name" in definition:
        check_language_map(definition["name"], "name")
    if "description" in definition:
        check_language_map(definition["description"], "description")
    if "type" in definition:
        check_iri(definition["type"], "type")
    if "moreInfo" in definition:
        check_iri(definition["moreInfo"], "moreInfo")
    if "extensions" in definition:
        check_extensions(definition["extensions"], "extensions")
    if not definition.keys() <= _PLAIN_KEYS:
        _check_interaction(definition)


def _check_interaction(definition: dict[str, Any]) -> None:
    kind = definition.get("interactionType")
    if "interactionType" not in definition:
        key = next(key for key in definition if key in _INTERACTION_KEYS)
        raise Flaw("is allowed only beside interactionType", SECTION_INTERACTION, key)
    if type(kind) is not str or kind not in INTERACTION_COMPONENTS:
        known = ", ".join(INTERACTION_COMPONENTS)
        raise Flaw(f"must be one of {known}", SECTION_INTERACTION, "interactionType")
    if "correctResponsesPattern" in definition:
        pattern = definition["correctResponsesPattern"]
        if type(pattern) is not list:
            raise wrong_type("an array of strings", pattern, SECTION_INTERACTION, "correctResponsesPattern")
        for position, response in enumerate(pattern):
            check_string(response, SECTION_INTERACTION, "correctResponsesPattern", position)
    for key in _COMPONENT_LISTS:
        if key in definition:
            if key not in INTERACTION_COMPONENTS[kind]:
                raise Flaw(f"is no component list of interactionType {kind}", SECTION_INTERACTION, key)
            _check_components(definition[key], key)


def _check_components(components: Any, key: str) -> None:
    if type(components) is not list:
        raise wrong_type("an array of interaction components", components, SECTION_INTERACTION, key)
    seen: set[str] = set()
    for position, component in enumerate(components):
        try:
            check_keys(component, _COMPONENT_KEYS, SECTION_INTERACTION)
            if "id" not in component:
                raise Flaw("is required in an interaction component", SECTION_INTERACTION, "id")
            check_string(component["id"], SECTION_INTERACTION, "id")
            if component["id"] in seen:
                raise Flaw("must be distinct within its list", SECTION_INTERACTION, "id")
            if "description" in component:
                check_language_map(component["description"], "description")
        except Flaw as flaw:
            raise flaw.under(key, position) from None
        seen.add(component["id"])
