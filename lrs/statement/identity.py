"""Which agents, activities and statements a statement speaks of: what filters, documents and the lake join on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lrs.statement.context import RELATIONS


def agent_identifier(agent: dict[str, Any]) -> str | None:
    """The inverse functional identifier as one text, kind first; None for an anonymous group.

    The scheme and the domain of an mbox are compared without regard to case, as is a SHA-1 digest.
    """
    account = agent.get("account")
    if account is not None:
        return f"account\n{account['homePage']}\n{account['name']}"
    mbox = agent.get("mbox")
    if mbox is not None:
        local, _, domain = mbox[7:].rpartition("@")
        return f"mbox\nmailto:{local}@{domain.lower()}"
    digest = agent.get("mbox_sha1sum")
    if digest is not None:
        return f"mbox_sha1sum\n{digest.lower()}"
    openid = agent.get("openid")
    return None if openid is None else f"openid\n{openid}"


def matched_identifiers(actor: dict[str, Any]) -> Iterator[str]:
    """The identifiers under which the agent filter finds `actor`: its own, and its members' if it is a group."""
    own = agent_identifier(actor)
    if own is not None:
        yield own
    for member in actor.get("member", ()):
        yield from matched_identifiers(member)


def terms(statement: dict[str, Any], authority: dict[str, Any]) -> set[tuple[str, str]]:
    """What the filters of the statement resource find this statement by, as (kind, value).

    Kinds: v verb, r registration, a activity, A related activity, g agent, G related agent.
    """
    found: set[tuple[str, str]] = {("v", statement["verb"]["id"])}
    context = statement.get("context")
    if context is not None and "registration" in context:
        found.add(("r", context["registration"].lower()))
    thing = statement["object"]
    kind = thing.get("objectType", "Activity")
    for identifier in matched_identifiers(statement["actor"]):
        found.add(("g", identifier))
    if kind == "Activity":
        found.add(("a", thing["id"]))
    elif kind in ("Agent", "Group"):
        for identifier in matched_identifiers(thing):
            found.add(("g", identifier))
    _add_related(found, statement)
    if kind == "SubStatement":
        _add_related(found, thing)
    for identifier in matched_identifiers(authority):
        found.add(("G", identifier))
    return found


def activities(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every activity that the statement or its sub-statement names."""
    thing = statement["object"]
    kind = thing.get("objectType", "Activity")
    if kind == "Activity":
        yield thing
    elif kind == "SubStatement":
        yield from activities(thing)
    context = statement.get("context")
    if context is not None and "contextActivities" in context:
        yield from context_activities(context)


def context_activities(context: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The activities of all four relations, in order."""
    relations = context["contextActivities"]
    for relation in RELATIONS:
        if relation in relations:
            value = relations[relation]
            yield from (value if type(value) is list else (value,))


def _add_related(found: set[tuple[str, str]], statement: dict[str, Any]) -> None:
    """Actor, object, instructor, team, context agents and groups, and context activities of one (sub-)statement."""
    thing = statement["object"]
    kind = thing.get("objectType", "Activity")
    people = [statement["actor"]]
    if kind == "Activity":
        found.add(("A", thing["id"]))
    elif kind in ("Agent", "Group"):
        people.append(thing)
    context = statement.get("context")
    if context is not None:
        if "contextActivities" in context:
            for activity in context_activities(context):
                found.add(("A", activity["id"]))
        people += [context[key] for key in ("instructor", "team") if key in context]
        people += [role["agent"] for role in context.get("contextAgents", ())]
        people += [role["group"] for role in context.get("contextGroups", ())]
    for person in people:
        for identifier in matched_identifiers(person):
            found.add(("G", identifier))
