"""JSON schemas of what the LRS takes and gives: the statement of either version and its parts, errors, a page of statements.

As strict as JSON Schema can say it; rules across properties (min below max, duplicates, languages) are the LRS's alone.
"""

from __future__ import annotations

from typing import Any

from lrs.statement.activity import INTERACTION_COMPONENTS
from lrs.statement.context import RELATIONS

Schema = dict[str, Any]

_UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_IRI = r'^[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20\x7f-\x9f<>"{}|\\^`]+$'
_LANGUAGE_TAG = r"^([A-Za-z]{2,8}|[xXiI])(-[A-Za-z0-9]{1,8})*$"
_IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")
TEXT: Schema = {"type": "string"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str = "", /, **properties: Schema) -> Schema:
    """An object with these properties and no others."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required.split()} if required else schema


def _array(items: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


def schemas() -> dict[str, Schema]:
    """All of them by name, as `components/schemas` has them."""
    return {**_formats(), **_actors(), **_things(), **_statements("1", "2"), **_answers()}


def _formats() -> dict[str, Schema]:
    return {
        "UUID": {"type": "string", "pattern": _UUID},
        "IRI": {"type": "string", "pattern": _IRI, "examples": ["https://school.example/items/1"]},
        "LanguageMap": {
            "type": "object",
            "propertyNames": {"pattern": _LANGUAGE_TAG},
            "additionalProperties": TEXT,
        },
        "Extensions": {"type": "object", "propertyNames": {"pattern": _IRI}},
        "Timestamp1": {"type": "string", "description": "ISO 8601", "pattern": r"^\d{4}-?(\d\d|W\d\d)"},
        "Timestamp2": {"type": "string", "format": "date-time"},
        "Duration": {"type": "string", "pattern": r"^P(\d|T\d)[0-9.,YMWDTHS]*$"},
    }


def _actors() -> dict[str, Schema]:
    one_of_each = [{"required": [name]} for name in _IDENTIFIERS]
    identifiers: dict[str, Schema] = {
        "name": TEXT,
        "mbox": {"type": "string", "pattern": r"^mailto:[A-Za-z0-9._+\-]+@[A-Za-z0-9.\-]+$"},
        "mbox_sha1sum": {"type": "string", "pattern": "^[0-9a-fA-F]{40}$"},
        "openid": ref("IRI"),
        "account": ref("Account"),
    }
    members = _array(ref("Agent"))
    return {
        "Account": _object("homePage name", homePage=ref("IRI"), name=TEXT),
        "Agent": {**_object(objectType={"const": "Agent"}, **identifiers), "oneOf": one_of_each},
        "IdentifiedGroup": {
            **_object("objectType", objectType={"const": "Group"}, member=members, **identifiers),
            "oneOf": one_of_each,
        },
        "AnonymousGroup": _object(
            "objectType member", objectType={"const": "Group"}, name=TEXT, member=members
        ),
        "Group": {"oneOf": [ref("IdentifiedGroup"), ref("AnonymousGroup")]},
        "Actor": {"oneOf": [ref("Agent"), ref("Group")]},
        "Person": _object(
            "objectType",
            objectType={"const": "Person"},
            name=_array(TEXT),
            mbox=_array(TEXT),
            mbox_sha1sum=_array(TEXT),
            openid=_array(TEXT),
            account=_array(ref("Account")),
        ),
    }


def _things() -> dict[str, Schema]:
    plain: dict[str, Schema] = {
        "name": ref("LanguageMap"),
        "description": ref("LanguageMap"),
        "type": ref("IRI"),
        "moreInfo": ref("IRI"),
        "extensions": ref("Extensions"),
    }
    kinds = [_object(**plain)]
    for kind, lists in INTERACTION_COMPONENTS.items():
        components = {name: _array(ref("InteractionComponent")) for name in lists}
        responses = {"interactionType": {"const": kind}, "correctResponsesPattern": _array(TEXT)}
        kinds.append(_object("interactionType", **plain, **responses, **components))
    number: Schema = {"type": "number"}
    return {
        "Verb": _object("id", id=ref("IRI"), display=ref("LanguageMap")),
        "InteractionComponent": _object("id", id=TEXT, description=ref("LanguageMap")),
        "ActivityDefinition": {"oneOf": kinds},
        "Activity": _object(
            "id", objectType={"const": "Activity"}, id=ref("IRI"), definition=ref("ActivityDefinition")
        ),
        "StatementRef": _object("objectType id", objectType={"const": "StatementRef"}, id=ref("UUID")),
        "Score": _object(
            scaled={"type": "number", "minimum": -1, "maximum": 1}, raw=number, min=number, max=number
        ),
        "Result": _object(
            score=ref("Score"),
            success={"type": "boolean"},
            completion={"type": "boolean"},
            response=TEXT,
            duration=ref("Duration"),
            extensions=ref("Extensions"),
        ),
        "Attachment": _object(
            "usageType display contentType length sha2",
            usageType=ref("IRI"),
            display=ref("LanguageMap"),
            description=ref("LanguageMap"),
            contentType={"type": "string", "pattern": r"^[\w!#$&^.+\-]+/[\w!#$&^.+\-]+"},
            length={"type": "integer", "minimum": 0},
            sha2={
                "type": "string",
                "pattern": "^([0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})$",
            },
            fileUrl=ref("IRI"),
        ),
    }


def _statements(*versions: str) -> dict[str, Schema]:
    """What differs between the versions, and all that holds it."""
    found: dict[str, Schema] = {}
    for version in versions:
        context: dict[str, Schema] = {
            "registration": ref("UUID"),
            "instructor": ref("Actor"),
            "team": ref("Group"),
            "contextActivities": _object(
                **{name: {"oneOf": [_array(ref("Activity")), ref("Activity")]} for name in RELATIONS}
            ),
            "revision": TEXT,
            "platform": TEXT,
            "language": {"type": "string", "pattern": _LANGUAGE_TAG},
            "statement": ref("StatementRef"),
            "extensions": ref("Extensions"),
        }
        if version == "2":
            context["contextAgents"] = _array(_role("contextAgent", "agent", "Agent"))
            context["contextGroups"] = _array(_role("contextGroup", "group", "Group"))
        common: dict[str, Schema] = {
            "actor": ref("Actor"),
            "verb": ref("Verb"),
            "result": ref("Result"),
            "context": ref(f"Context{version}"),
            "timestamp": ref(f"Timestamp{version}"),
            "attachments": _array(ref("Attachment")),
        }
        things = [ref("Activity"), ref("Agent"), ref("Group"), ref("StatementRef")]
        found[f"Context{version}"] = _object(**context)
        found[f"SubStatement{version}"] = _object(
            "objectType actor verb object",
            objectType={"const": "SubStatement"},
            object={"anyOf": things},
            **common,
        )
        found[f"Statement{version}"] = _object(
            "actor verb object",
            id=ref("UUID"),
            object={"anyOf": [*things, ref(f"SubStatement{version}")]},
            stored=ref(f"Timestamp{version}"),
            authority=ref("Actor"),
            version={
                "type": "string",
                "pattern": r"^(1\.0|2\.0)(\.\d+)?$" if version == "2" else r"^1\.0(\.\d+)?$",
            },
            **common,
        )
    return found


def _role(object_type: str, inner: str, schema: str) -> Schema:
    types = _array(ref("IRI"), minItems=1)
    properties = {"objectType": {"const": object_type}, inner: ref(schema), "relevantTypes": types}
    return _object(f"objectType {inner}", **properties)


def _answers() -> dict[str, Schema]:
    # A statement may be read in either version, whichever it came in.
    stored = {"anyOf": [ref("Statement1"), ref("Statement2")]}
    return {
        "StoredStatement": {"allOf": [stored, {"required": ["actor", "verb", "object"]}]},
        "StatementResult": _object(
            "statements more",
            statements=_array(ref("StoredStatement")),
            more={
                "type": "string",
                "description": "Address of the next page, relative to the server; empty at the end.",
            },
        ),
        "Names": {**_array(TEXT), "description": "Names of documents."},
        "About": _object("version extensions", version=_array(TEXT), extensions=ref("Extensions")),
        "Error": _object(
            "status rule section",
            status={"type": "integer"},
            path={"type": "string", "description": "Where in the body, as JSON path."},
            rule={"type": "string", "description": "What is wrong, in words."},
            section={"type": "string", "description": "Where the standard says so, in both versions."},
        ),
    }
