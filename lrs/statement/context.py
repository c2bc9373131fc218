"""The context: instructor, team, related activities, and 2.0's context agents and groups (xAPI 1.0.3 Data 2.4.6)."""

from __future__ import annotations

from typing import Any

from lrs.statement.activity import check_activity
from lrs.statement.actor import check_actor, check_agent, check_group
from lrs.statement.flaw import Flaw, check_keys, check_string, wrong_type
from lrs.statement.formats import check_extensions, check_iri, check_language_tag, check_uuid

SECTION_CONTEXT = "xAPI 1.0.3 Data 2.4.6; 2.0 4.2.2.5"
SECTION_CONTEXT_ACTIVITIES = "xAPI 1.0.3 Data 2.4.6.2; 2.0 4.2.2.5"
SECTION_STATEMENT_REF = "xAPI 1.0.3 Data 2.4.4.3; 2.0 4.2.2.3"
SECTION_CONTEXT_AGENTS = "xAPI 2.0 4.2.2.5"

RELATIONS = ("parent", "grouping", "category", "other")

_KEYS_1 = frozenset(
    {
        "registration", "instructor", "team", "contextActivities", "revision", "platform", "language", "statement",
        "extensions",
    }
)  # fmt: skip
_KEYS_2 = _KEYS_1 | {"contextAgents", "contextGroups"}
_RELATION_KEYS = frozenset(RELATIONS)
_REF_KEYS = frozenset({"objectType", "id"})


def check_context(context: Any, *, is_version_2: bool, object_type: str) -> None:
    check_keys(context, _KEYS_2 if is_version_2 else _KEYS_1, SECTION_CONTEXT)
    if "registration" in context:
        check_uuid(context["registration"], "registration")
    if "contextActivities" in context:
        try:
            _check_context_activities(context["contextActivities"])
        except Flaw as flaw:
            raise flaw.under("contextActivities") from None
    if "extensions" in context:
        check_extensions(context["extensions"], "extensions")
    for key in ("revision", "platform"):
        if key in context:
            check_string(context[key], SECTION_CONTEXT, key)
            if object_type != "Activity":
                raise Flaw("is allowed only when the object is an activity", SECTION_CONTEXT, key)
    if "language" in context:
        check_language_tag(context["language"], "language")
    _check_people(context)
    if "statement" in context:
        try:
            check_statement_ref(context["statement"])
        except Flaw as flaw:
            raise flaw.under("statement") from None


def check_statement_ref(reference: Any) -> None:
    check_keys(reference, _REF_KEYS, SECTION_STATEMENT_REF)
    if reference.get("objectType") != "StatementRef":
        raise Flaw('must be "StatementRef"', SECTION_STATEMENT_REF, "objectType")
    if "id" not in reference:
        raise Flaw("is required in a statement reference", SECTION_STATEMENT_REF, "id")
    check_uuid(reference["id"], "id")


def _check_context_activities(relations: Any) -> None:
    check_keys(relations, _RELATION_KEYS, SECTION_CONTEXT_ACTIVITIES)
    for relation, activities in relations.items():
        if type(activities) is dict:  # version 0.9's single activity: taken, and answered as an array
            try:
                check_activity(activities)
            except Flaw as flaw:
                raise flaw.under(relation) from None
            continue
        if type(activities) is not list:
            raise wrong_type("an array of activities", activities, SECTION_CONTEXT_ACTIVITIES, relation)
        for position, activity in enumerate(activities):
            try:
                check_activity(activity)
            except Flaw as flaw:
                raise flaw.under(relation, position) from None


def _check_people(context: dict[str, Any]) -> None:
    for key, check in (("instructor", check_actor), ("team", check_group)):
        if key in context:
            try:
                check(context[key])
            except Flaw as flaw:
                raise flaw.under(key) from None
    if "contextAgents" in context:
        _check_roles(context["contextAgents"], "contextAgents", "contextAgent", "agent")
    if "contextGroups" in context:
        _check_roles(context["contextGroups"], "contextGroups", "contextGroup", "group")


def _check_roles(roles: Any, key: str, object_type: str, inner: str) -> None:
    """2.0: agents or groups in relation to the statement, each with the types of the relation."""
    if type(roles) is not list:
        raise wrong_type("an array", roles, SECTION_CONTEXT_AGENTS, key)
    for position, role in enumerate(roles):
        try:
            check_keys(role, frozenset({"objectType", inner, "relevantTypes"}), SECTION_CONTEXT_AGENTS)
            if role.get("objectType") != object_type:
                raise Flaw(f'must be "{object_type}"', SECTION_CONTEXT_AGENTS, "objectType")
            if inner not in role:
                raise Flaw(f"is required in a {object_type}", SECTION_CONTEXT_AGENTS, inner)
            try:
                (check_agent if inner == "agent" else check_group)(role[inner])
            except Flaw as flaw:
                raise flaw.under(inner) from None
            if "relevantTypes" in role:
                types = role["relevantTypes"]
                if type(types) is not list or not types:
                    raise Flaw(
                        "must be an array of at least one IRI", SECTION_CONTEXT_AGENTS, "relevantTypes"
                    )
                for number, iri in enumerate(types):
                    check_iri(iri, "relevantTypes", number)
        except Flaw as flaw:
            raise flaw.under(key, position) from None
