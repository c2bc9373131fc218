"""Whether two statements are the same one: the comparison of xAPI 1.0.3 Data 2.3.1 (Statement Immutability)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from lrs.statement.formats import parse_timestamp
from lrs.statement.identity import agent_identifier

# A duration is a text; only what is finer than 0.01 s is not compared (2.0 4.2.7).
_BEYOND_HUNDREDTHS = re.compile(r"([.,]\d\d)\d+(?=S$)").sub
_SET_BY_LRS = frozenset({"id", "authority", "stored", "timestamp", "version", "attachments"})


def same_statement(arrived: dict[str, Any], stored: dict[str, Any]) -> bool:
    """True if they differ only in what the standard does not count.

    Not counted: what the LRS sets, definitions of activities, displays of verbs, the order of group members, attachments, the
    notation of timestamps (where `arrived` names none, the stored one was the LRS's).
    """
    timestamp = arrived.get("timestamp")
    if timestamp is not None and parse_timestamp(timestamp) != parse_timestamp(stored.get("timestamp", "")):
        return False
    return _compared(arrived) == _compared(stored)


def _compared(statement: dict[str, Any]) -> dict[str, Any]:
    form = {key: value for key, value in statement.items() if key not in _SET_BY_LRS}
    form["actor"] = _agent(statement["actor"])
    form["verb"] = statement["verb"]["id"]
    thing = statement["object"]
    kind = thing.get("objectType", "Activity")
    if kind == "Activity":
        form["object"] = _activity(thing)
    elif kind in ("Agent", "Group"):
        form["object"] = _agent(thing)
    elif kind == "StatementRef":
        form["object"] = (kind, thing["id"].lower())
    else:
        form["object"] = (kind, thing.get("timestamp"), _compared(thing))
    duration = statement.get("result", {}).get("duration")
    if duration is not None:
        form["result"] = {**statement["result"], "duration": _BEYOND_HUNDREDTHS(r"\1", duration)}
    if "context" in statement:
        form["context"] = _context(statement["context"])
    return form


def _context(context: dict[str, Any]) -> dict[str, Any]:
    form = dict(context)
    for key in ("instructor", "team"):
        if key in context:
            form[key] = _agent(context[key])
    if "registration" in context:
        form["registration"] = context["registration"].lower()
    if "contextActivities" in context:
        form["contextActivities"] = {
            relation: [_activity(activity) for activity in (value if type(value) is list else [value])]
            for relation, value in context["contextActivities"].items()
        }
    return form


def _activity(activity: dict[str, Any]) -> tuple[str, str]:
    return "Activity", activity["id"]


def _agent(agent: dict[str, Any]) -> tuple[Any, ...]:
    members = sorted(msgspec.json.encode(_agent(member)) for member in agent.get("member", ()))
    return agent.get("objectType", "Agent"), agent_identifier(agent), agent.get("name"), members
