"""The statement and the sub-statement as wholes (xAPI 1.0.3 Data 2.2-2.4)."""

from __future__ import annotations

import enum
import re
from collections.abc import Container
from typing import Any

from lrs.statement.activity import check_activity
from lrs.statement.actor import check_actor, check_agent, check_group, is_anonymous_group
from lrs.statement.attachment import check_attachments
from lrs.statement.context import check_context, check_statement_ref
from lrs.statement.flaw import Flaw, check_keys, check_string, wrong_type
from lrs.statement.formats import check_timestamp, check_uuid
from lrs.statement.result import check_result
from lrs.statement.verb import VOIDED, check_verb

SECTION_STATEMENT = "xAPI 1.0.3 Data 2.2-2.4; 2.0 4.2.2"
SECTION_OBJECT = "xAPI 1.0.3 Data 2.4.4; 2.0 4.2.2.3"
SECTION_SUBSTATEMENT = "xAPI 1.0.3 Data 2.4.4.3 SubStatements; 2.0 4.2.2.3"
SECTION_VOIDING = "xAPI 1.0.3 Data 2.3.2; 2.0 4.2.5"
SECTION_AUTHORITY = "xAPI 1.0.3 Data 2.4.9; 2.0 4.2.4.2"
SECTION_VERSION = "xAPI 1.0.3 Data 2.4.10; 2.0 4.2.4.3"

_SUBSTATEMENT_KEYS = frozenset(
    {"actor", "verb", "object", "result", "context", "timestamp", "attachments", "objectType"}
)
_STATEMENT_KEYS = (_SUBSTATEMENT_KEYS - {"objectType"}) | {"id", "stored", "authority", "version"}
_VERSION_1 = re.compile(r"1\.0(?:\.\d+)?").fullmatch
_VERSION_2 = re.compile(r"(?:1\.0|2\.0)(?:\.\d+)?").fullmatch


class Version(enum.Enum):
    """The version of xAPI in which a request is served, by the name under which it is answered."""

    V1 = "1.0.3"
    V2 = "2.0.0"

    @property
    def is_2(self) -> bool:
        return self is Version.V2


def check_statement(statement: Any, version: Version, *, known: Container[str] = ()) -> None:
    """Every rule of the standard that one statement can be held against by itself; the first broken one is a Flaw.

    Properties that are `known` were checked before: of these only the type and the id are looked at here.
    """
    check_keys(statement, _STATEMENT_KEYS, SECTION_STATEMENT)
    is_2 = version is Version.V2
    if "id" in statement:
        check_uuid(statement["id"], "id")
    _check_common(statement, is_2, known)
    if "stored" in statement:
        check_timestamp(statement["stored"], is_2, "stored")
    if "version" in statement:
        check_string(statement["version"], SECTION_VERSION, "version")
        if (_VERSION_2 if is_2 else _VERSION_1)(statement["version"]) is None:
            raise Flaw("must be 1.0.x, or 2.0.x in a request of version 2.0", SECTION_VERSION, "version")
    if "authority" in statement:
        try:
            _check_authority(statement["authority"])
        except Flaw as flaw:
            raise flaw.under("authority") from None
    if statement["verb"]["id"] == VOIDED and statement["object"].get("objectType") != "StatementRef":
        raise Flaw("the object of a voiding statement must be a StatementRef", SECTION_VOIDING, "object")


def _check_common(statement: dict[str, Any], is_2: bool, known: Container[str] = ()) -> None:
    """What a statement and a sub-statement share."""
    step = "actor"
    try:
        for step in ("actor", "verb", "object"):
            if step not in statement:
                raise Flaw("is required in a statement", SECTION_STATEMENT)
        step = "actor"
        if step not in known:
            check_actor(statement["actor"])
        step = "verb"
        if step not in known:
            check_verb(statement["verb"])
        step = "object"
        if step not in known:
            _check_object(statement["object"], is_2, is_nested="objectType" in statement)
        if "result" in statement:
            step = "result"
            check_result(statement["result"])
        if "context" in statement and "context" not in known:
            step = "context"
            object_type = statement["object"].get("objectType", "Activity")
            check_context(statement["context"], is_version_2=is_2, object_type=object_type)
        if "attachments" in statement:
            step = "attachments"
            check_attachments(statement["attachments"])
    except Flaw as flaw:
        raise flaw.under(step) from None
    if "timestamp" in statement:
        check_timestamp(statement["timestamp"], is_2, "timestamp")


def _check_object(thing: Any, is_2: bool, *, is_nested: bool) -> None:
    if type(thing) is not dict:
        raise wrong_type("an object", thing, SECTION_OBJECT)
    kind = thing.get("objectType", "Activity")
    if kind == "Activity":
        check_activity(thing)
    elif kind == "Agent":
        check_agent(thing)
    elif kind == "Group":
        check_group(thing)
    elif kind == "StatementRef":
        check_statement_ref(thing)
    elif kind == "SubStatement":
        if is_nested:
            raise Flaw("a sub-statement cannot hold another", SECTION_SUBSTATEMENT)
        check_keys(thing, _SUBSTATEMENT_KEYS, SECTION_SUBSTATEMENT)
        _check_common(thing, is_2)
    else:
        raise Flaw(
            'must be "Activity", "Agent", "Group", "StatementRef" or "SubStatement"',
            SECTION_OBJECT,
            "objectType",
        )


def _check_authority(authority: Any) -> None:
    check_actor(authority)
    if authority.get("objectType") == "Group" and (
        not is_anonymous_group(authority) or len(authority["member"]) != 2
    ):
        raise Flaw("a group as authority is anonymous and has exactly two members", SECTION_AUTHORITY)
