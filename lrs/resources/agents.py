"""`/agents`: what is known of a person under one identifier (xAPI 1.0.3 Communication 2.4; 2.0 4.1.6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from lrs.answers import ApiError, json_response
from lrs.protocol import Call
from lrs.resources.parameters import agent_parameter
from lrs.statement.decode import decode_stored
from lrs.statement.identity import agent_identifier
from lrs.store import read

SECTION = "xAPI 1.0.3 Communication 2.4; 2.0 4.1.6.3"
_LOOKED_AT = 200
"""Newest statements that are searched for names: people change theirs, and old ones help nobody."""


async def get(call: Call) -> Response:
    """A Person: the identifier asked for, and the names that statements gave with it."""
    call.need("all/read", "statements/read", "profile")
    parameters = call.parameters(frozenset({"agent"}))
    if "agent" not in parameters:
        raise ApiError(400, "the parameter agent is required", SECTION)
    agent = agent_parameter("agent", parameters["agent"])
    identifier = agent_identifier(agent)
    if identifier is None or agent.get("objectType") == "Group":
        raise ApiError(400, "agent must be an agent with an identifier", SECTION)
    tenant = call.credential.tenant
    key = call.store.keys.key(tenant, "G", identifier)
    query = read.Query(tenant=tenant, keys=[key], limit=_LOOKED_AT)
    rows = await call.store.read(lambda connection: read.search(connection, query))
    names = [agent["name"]] if "name" in agent else []
    for _, raw in rows:
        for found in _agents(decode_stored(raw)):
            if "name" in found and agent_identifier(found) == identifier:
                names.append(found["name"])
    person: dict[str, Any] = {"objectType": "Person"}
    if names:
        person["name"] = list(dict.fromkeys(names))
    for kind in ("mbox", "mbox_sha1sum", "openid", "account"):
        if kind in agent:
            person[kind] = [agent[kind]]
    return json_response(person)


def _agents(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside `value` that has an identifier of an agent, extensions left out."""
    if type(value) is list:
        for item in value:
            yield from _agents(item)
    elif type(value) is dict:
        if (
            value.keys() & {"mbox", "mbox_sha1sum", "openid", "account"}
            and value.get("objectType") != "Group"
        ):
            yield value
        for key, item in value.items():
            if key not in ("extensions", "account", "definition"):
                yield from _agents(item)
