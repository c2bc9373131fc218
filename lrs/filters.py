"""Filters of statements outside HTTP, for exports and forwarding: the same terms that xAPI's parameters name."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from learnlake.errors import InputError
from lrs.statement import Flaw
from lrs.statement.actor import check_actor
from lrs.statement.decode import decode_json
from lrs.statement.formats import check_iri, check_uuid
from lrs.statement.identity import agent_identifier, terms
from lrs.statement.prepare import KeyMaker


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """Statements that have all of `wanted`: (kind, value) as `lrs.statement.identity.terms` makes them. Empty: all."""

    wanted: frozenset[tuple[str, str]] = frozenset()

    def keys(self, tenant: str, keys: KeyMaker) -> list[int]:
        """Keys of the store's index; they find statements by the terms of those they refer to as well."""
        return [keys.key(tenant, kind, value) for kind, value in sorted(self.wanted)]

    def meets(self, statement: dict[str, Any]) -> bool:
        """Whether a stored statement has the terms itself."""
        return not self.wanted or self.wanted <= terms(statement, statement["authority"])


def read_filter(
    *,
    verb: str | None = None,
    activity: str | None = None,
    agent: str | None = None,
    registration: str | None = None,
    related_activities: bool = False,
    related_agents: bool = False,
) -> Filter:
    """The filter that these parameters of xAPI's GET /statements mean. Raises InputError naming the option that is wrong."""
    wanted: set[tuple[str, str]] = set()
    for name, text, kind in (("verb", verb, "v"), ("activity", activity, "A" if related_activities else "a")):
        if text is not None:
            _check(name, lambda text=text: check_iri(text))
            wanted.add((kind, text))
    if registration is not None:
        _check("registration", lambda: check_uuid(registration))
        wanted.add(("r", str(uuid.UUID(registration))))
    if agent is not None:
        wanted.add(("G" if related_agents else "g", _identifier(agent)))
    return Filter(frozenset(wanted))


def _identifier(text: str) -> str:
    found: list[str | None] = []

    def read() -> None:
        actor = decode_json(text.encode())
        check_actor(actor)
        found.append(agent_identifier(actor))

    _check("agent", read)
    if found[0] is None:
        raise InputError(
            "an anonymous group cannot be looked for", where="--agent", mend="give it an identifier"
        )
    return found[0]


def _check(name: str, work: Any) -> None:
    try:
        work()
    except Flaw as flaw:
        raise InputError(
            f"--{name} {flaw.rule}", where=flaw.section, mend="write it as xAPI's parameter of that name"
        ) from None
