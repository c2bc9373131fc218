"""Agents and groups, with their inverse functional identifiers (xAPI 1.0.3 Data 2.4.2)."""

from __future__ import annotations

import re
from typing import Any

from lrs.statement.flaw import Flaw, check_keys, check_string, wrong_type
from lrs.statement.formats import check_iri

SECTION_ACTOR = "xAPI 1.0.3 Data 2.4.2; 2.0 4.2.2.1"
SECTION_AGENT = "xAPI 1.0.3 Data 2.4.2.1; 2.0 4.2.2.1"
SECTION_GROUP = "xAPI 1.0.3 Data 2.4.2.2; 2.0 4.2.2.1"
SECTION_IDENTIFIER = "xAPI 1.0.3 Data 2.4.2.3; 2.0 4.2.2.1"
SECTION_ACCOUNT = "xAPI 1.0.3 Data 2.4.2.4; 2.0 4.2.2.1"

_AGENT_KEYS = frozenset({"objectType", "name", "mbox", "mbox_sha1sum", "openid", "account"})
_GROUP_KEYS = _AGENT_KEYS | {"member"}
_ACCOUNT_KEYS = frozenset({"homePage", "name"})
_MAILTO = re.compile(r"mailto:[^\s@<>\"(),:;\[\]\\]+@[^\s@<>\"(),:;\[\]\\]+", re.IGNORECASE).fullmatch
_SHA1 = re.compile(r"[0-9a-fA-F]{40}").fullmatch


def check_actor(actor: Any) -> None:
    """An agent, or a group if `objectType` says so."""
    if type(actor) is not dict:
        raise wrong_type("an object", actor, SECTION_ACTOR)
    kind = actor.get("objectType", "Agent")
    if kind == "Agent":
        check_agent(actor)
    elif kind == "Group":
        check_group(actor)
    else:
        raise Flaw('must be "Agent" or "Group"', SECTION_ACTOR, "objectType")


def check_agent(agent: Any) -> None:
    """An agent has exactly one inverse functional identifier."""
    check_keys(agent, _AGENT_KEYS, SECTION_AGENT)
    if "objectType" in agent and agent["objectType"] != "Agent":
        raise Flaw('must be "Agent"', SECTION_AGENT, "objectType")
    if "name" in agent:
        check_string(agent["name"], SECTION_AGENT, "name")
    if _check_identifiers(agent) != 1:
        raise Flaw("an agent has exactly one of mbox, mbox_sha1sum, openid, account", SECTION_IDENTIFIER)


def check_group(group: Any) -> None:
    """An identified group has one identifier; an anonymous one has members and none."""
    check_keys(group, _GROUP_KEYS, SECTION_GROUP)
    if group.get("objectType") != "Group":
        raise Flaw('must be "Group"', SECTION_GROUP, "objectType")
    if "name" in group:
        check_string(group["name"], SECTION_GROUP, "name")
    identifiers = _check_identifiers(group)
    if identifiers > 1:
        raise Flaw("a group has at most one of mbox, mbox_sha1sum, openid, account", SECTION_IDENTIFIER)
    if "member" in group:
        members = group["member"]
        if type(members) is not list:
            raise wrong_type("an array of agents", members, SECTION_GROUP, "member")
        for position, member in enumerate(members):
            try:
                check_agent(member)
            except Flaw as flaw:
                raise flaw.under("member", position) from None
    elif identifiers == 0:
        raise Flaw("an anonymous group has the property member", SECTION_GROUP, "member")


def is_anonymous_group(actor: dict[str, Any]) -> bool:
    return actor.get("objectType") == "Group" and not any(
        key in actor for key in ("mbox", "mbox_sha1sum", "openid", "account")
    )


def _check_identifiers(actor: dict[str, Any]) -> int:
    """How many identifiers there are, each of them well-formed."""
    count = 0
    if "account" in actor:
        count += 1
        try:
            _check_account(actor["account"])
        except Flaw as flaw:
            raise flaw.under("account") from None
    if "mbox" in actor:
        count += 1
        mbox = actor["mbox"]
        check_string(mbox, SECTION_IDENTIFIER, "mbox")
        if _MAILTO(mbox) is None:
            raise Flaw(
                "must be a mailto IRI, for example mailto:someone@example.org", SECTION_IDENTIFIER, "mbox"
            )
    if "mbox_sha1sum" in actor:
        count += 1
        digest = actor["mbox_sha1sum"]
        check_string(digest, SECTION_IDENTIFIER, "mbox_sha1sum")
        if _SHA1(digest) is None:
            raise Flaw("must be a SHA-1 digest of 40 hexadecimal digits", SECTION_IDENTIFIER, "mbox_sha1sum")
    if "openid" in actor:
        count += 1
        check_iri(actor["openid"], "openid")
    return count


def _check_account(account: Any) -> None:
    check_keys(account, _ACCOUNT_KEYS, SECTION_ACCOUNT)
    for key in ("homePage", "name"):
        if key not in account:
            raise Flaw("is required in an account", SECTION_ACCOUNT, key)
    check_iri(account["homePage"], "homePage")
    check_string(account["name"], SECTION_ACCOUNT, "name")
