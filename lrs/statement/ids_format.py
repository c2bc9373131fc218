"""The format `ids`: a statement with only what identifies its agents, activities, verb and groups (Communication 2.1.3)."""

from __future__ import annotations

from typing import Any

import msgspec

from lrs.statement.decode import decode_stored

_AGENT_KEYS = ("objectType", "mbox", "mbox_sha1sum", "openid", "account")


def ids_only(raw: bytes) -> bytes:
    """The stored statement, reduced."""
    statement = decode_stored(raw)
    _reduce(statement)
    if "authority" in statement:
        statement["authority"] = _actor(statement["authority"])
    return msgspec.json.encode(statement)


def _reduce(statement: dict[str, Any]) -> None:
    statement["actor"] = _actor(statement["actor"])
    statement["verb"] = {"id": statement["verb"]["id"]}
    thing = statement["object"]
    kind = thing.get("objectType", "Activity")
    if kind == "Activity":
        statement["object"] = _activity(thing)
    elif kind in ("Agent", "Group"):
        statement["object"] = _actor(thing)
    elif kind == "SubStatement":
        _reduce(thing)
    context = statement.get("context")
    if context is None:
        return
    for key in ("instructor", "team"):
        if key in context:
            context[key] = _actor(context[key])
    for relation, activities in context.get("contextActivities", {}).items():
        context["contextActivities"][relation] = [_activity(activity) for activity in activities]
    for key, inner in (("contextAgents", "agent"), ("contextGroups", "group")):
        for role in context.get(key, ()):
            role[inner] = _actor(role[inner])


def _actor(actor: dict[str, Any]) -> dict[str, Any]:
    """An anonymous group keeps its members, each reduced."""
    reduced = {key: actor[key] for key in _AGENT_KEYS if key in actor}
    is_identified = len(reduced) > ("objectType" in reduced)
    if "member" in actor and not is_identified:
        reduced["member"] = [_actor(member) for member in actor["member"]]
    return reduced


def _activity(activity: dict[str, Any]) -> dict[str, Any]:
    """An object without an objectType is an activity: the id says it all."""
    return {"id": activity["id"]}
