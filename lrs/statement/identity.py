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


PARTS = ("actor", "verb", "object", "context")
"""The properties of a statement that say who did what to what, and where."""


def terms(statement: dict[str, Any], authority: dict[str, Any]) -> set[tuple[str, str]]:
    """What the filters of the statement resource find this statement by, as (kind, value).

    Kinds: v verb, r registration, a activity, A related activity, g agent, G related agent.
    """
    found = part_terms("authority", authority)
    for name in PARTS:
        if name in statement:
            found |= part_terms(name, statement[name])
    return found


def part_terms(name: str, part: dict[str, Any]) -> set[tuple[str, str]]:
    """The terms that one property gives to its statement: each of PARTS, or the authority."""
    if name == "verb":
        return {("v", part["id"])}
    if name == "authority":
        return {("G", identifier) for identifier in matched_identifiers(part)}
    if name == "context":
        return _context_terms(part)
    kind = part.get("objectType", "Activity" if name == "object" else "Agent")
    if kind == "Activity":
        return {("a", part["id"]), ("A", part["id"])}
    if kind in ("Agent", "Group"):
        return {(kind, identifier) for identifier in matched_identifiers(part) for kind in "gG"}
    if kind == "SubStatement":  # it is only related to what it names
        inner = (part_terms(name, part[name]) for name in PARTS if name in part)
        return {term for found in inner for term in found if term[0] in "AG"}
    return set()


def _context_terms(context: dict[str, Any]) -> set[tuple[str, str]]:
    """Registration, context activities, instructor, team, context agents and groups."""
    found: set[tuple[str, str]] = set()
    if "registration" in context:
        found.add(("r", context["registration"].lower()))
    if "contextActivities" in context:
        found.update(("A", activity["id"]) for activity in context_activities(context))
    people = [context[key] for key in ("instructor", "team") if key in context]
    people += [role["agent"] for role in context.get("contextAgents", ())]
    people += [role["group"] for role in context.get("contextGroups", ())]
    found.update(("G", identifier) for person in people for identifier in matched_identifiers(person))
    return found


def activities(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every activity that the statement or its sub-statement names."""
    for name in ("object", "context"):
        if name in statement:
            yield from part_activities(name, statement[name])


def part_activities(name: str, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every activity that one property of a statement names."""
    if name == "context":
        if "contextActivities" in part:
            yield from context_activities(part)
    elif name == "object":
        kind = part.get("objectType", "Activity")
        if kind == "Activity":
            yield part
        elif kind == "SubStatement":
            yield from activities(part)


def context_activities(context: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The activities of all four relations, in order."""
    relations = context["contextActivities"]
    for relation in RELATIONS:
        if relation in relations:
            value = relations[relation]
            yield from (value if type(value) is list else (value,))
