"""The description of the LRS in OpenAPI 3.1, served at /openapi.json: every resource, parameter, body and answer."""

from __future__ import annotations

from typing import Any

from learnlake.settings import Settings
from learnlake.xapi import STORED_HEADER
from lrs.openapi_schemas import TEXT, Schema, ref, schemas
from lrs.protocol import CONSISTENT_THROUGH, VERSION_HEADER

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_BINARY: Schema = {"type": "string", "format": "binary"}
_BOOLEAN: Schema = {"type": "boolean"}
_REFUSALS = {
    "400": "A rule of the standard is broken; the answer names it.",
    "401": "No credential, or a wrong one.",
    "403": "The credential has none of the scopes that this needs.",
    "404": "There is no such statement or document.",
    "405": "The method is not one of this resource's.",
    "408": "The body did not come in time.",
    "409": "The statement's id, or the document, is taken by another.",
    "412": "If-Match or If-None-Match says that this is not to be done.",
    "413": "The body is too large.",
    "415": "The body's Content-Encoding is not gzip.",
    "429": "The credential asks too much, or this address guessed too much; Retry-After says when to come back.",
    "503": "The store, or the issuer of a token, cannot be asked now; Retry-After says when to come back.",
}
_ALWAYS = ("400", "401", "403", "429", "503")
_WITH_BODY = ("408", "413", "415")


def description(settings: Settings) -> dict[str, Any]:
    """The whole document."""
    security = ["basic"] + (["bearer"] if settings.bearer_issuer else [])
    paths: dict[str, Any] = {}
    for base, version in (("/xapi", "1"), ("/xapi/2.0", "2")):
        paths |= {f"{base}/{path}": item for path, item in _resources(version).items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Learnlake Learning Record Store",
            "version": "1",
            "description": "xAPI 1.0.3 and 2.0 (IEEE 9274.1.1). The header X-Experience-API-Version decides in which version a request is "
            "served, at either base. Browsers may call from anywhere (CORS). Bodies and answers may be gzip.",
        },
        "security": [{name: []} for name in security],
        "paths": {**paths, **_pages()},
        "components": {
            "schemas": schemas(),
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": {f"Refused{status}": _refusal(status) for status in _REFUSALS},
            "securitySchemes": _security(settings),
        },
    }


def _resources(version: str) -> dict[str, Any]:
    """The resources of one base; its own version is the one of its bodies."""
    statement = ref(f"Statement{version}")
    document = {
        "activities/state": ("activityId agent registration", "stateId", "state"),
        "activities/profile": ("activityId", "profileId", "activity profile"),
        "agents/profile": ("agent", "profileId", "agent profile"),
    }
    found = {
        "statements": _statements(version, statement),
        "statements/more/{token}": _reading(
            "moreStatements", "The next page of an earlier search", ["token"], _found_statements()
        ),
        "activities": _reading(
            "getActivity",
            "An activity with its merged definition",
            ["activityId!"],
            _answer("The activity", ref("Activity")),
        ),
        "agents": _reading(
            "getPerson",
            "What is known of a person under one identifier",
            ["agent!"],
            _answer("The person", ref("Person")),
        ),
        "about": _about(),
        **{path: _documents(version, *of) for path, of in document.items()},
    }
    if version == "1":
        for path, item in found.items():
            if path != "about":
                item["post"] = _with_alternate(item.get("post"), path)
    for path, item in found.items():
        for method, operation in item.items():
            operation["operationId"] = f"{operation['operationId']}{version}" + (
                "Head" if method == "head" else ""
            )
            operation["tags"] = [path.partition("/{")[0]]
    return found


def _statements(version: str, statement: Schema) -> dict[str, Any]:
    """`/statements`."""
    filters = [
        "agent",
        "verb",
        "activity",
        "registration",
        "related_activities",
        "related_agents",
        "since",
        "until",
        "limit",
        "ascending",
    ]
    by_id = ["statementId", "voidedStatementId", "format", "attachments", "acceptLanguage"]
    item = _reading(
        "getStatements",
        "One statement, or those that all filters match",
        [*by_id, *filters],
        _found_statements(),
        "404",
    )
    one: Schema = {_JSON: {"schema": statement}, "multipart/mixed": {"schema": _BINARY}}
    batch = {"oneOf": [statement, {"type": "array", "items": statement}]}
    many: Schema = {_JSON: {"schema": batch}, "multipart/mixed": {"schema": _BINARY}}
    item["put"] = _operation(
        "putStatement",
        "Store one statement under an id",
        ["statementId!"],
        {"204": _empty("It is durable, or was there already.")},
        "409",
        body=one,
    )
    ids = _answer("The ids, in the order sent", {"type": "array", "items": ref("UUID")})
    ids["headers"][STORED_HEADER] = {"$ref": "#/components/headers/Stored"}
    item["post"] = _operation(
        "postStatements", "Store statements: all or none", [], {"200": ids}, "409", body=many
    )
    return item


def _documents(version: str, owners: str, name: str, kind: str) -> dict[str, Any]:
    """`/activities/state`, `/activities/profile` or `/agents/profile`."""
    place = [owner if owner == "registration" else f"{owner}!" for owner in owners.split()]
    label = kind.title().replace(" ", "")
    any_type: Schema = {"*/*": {"schema": _BINARY}}
    single = _answer("The document in its own type; without its name the names of all", ref("Names"))
    single["content"] = {"*/*": {}}
    single["headers"] |= {h: {"$ref": f"#/components/headers/{h}"} for h in ("ETag", "Last-Modified")}
    item = _reading(
        f"get{label}", f"One {kind} document, or the names of all", [*place, name, "since"], single, "404"
    )
    conditional = [*place, f"{name}!", "ifMatch", "ifNoneMatch"]
    refusals = ("409", "412")
    for method, what in (("put", "Store"), ("post", "Merge into, or store,")):
        item[method] = _operation(
            f"{method}{label}",
            f"{what} a {kind} document",
            conditional,
            {"204": _empty("It is durable.")},
            *refusals,
            body=any_type,
        )
    named = name if kind == "state" else f"{name}!"
    item["delete"] = _operation(
        f"delete{label}",
        f"Delete a {kind} document",
        [*place, named, "ifMatch", "ifNoneMatch"],
        {"204": _empty("It is gone.")},
        "412",
    )
    return item


def _about() -> dict[str, Any]:
    operation = {
        "operationId": "about",
        "summary": "Which versions this LRS speaks",
        "security": [],
        "parameters": [],
        "responses": {
            "200": _answer("The versions", ref("About")),
            "400": {"$ref": "#/components/responses/Refused400"},
        },
    }
    return {"get": operation, "head": _head(operation)}


def _pages() -> dict[str, Any]:
    """For operators: no credential, nothing about anybody."""

    def page(name: str, summary: str, content: Schema, *more: str) -> dict[str, Any]:
        answers = {status: {"description": summary, "content": content} for status in ("200", *more)}
        operation = {
            "operationId": name,
            "summary": summary,
            "tags": ["operation"],
            "security": [],
            "responses": answers,
        }
        return {"get": operation, "head": {**_head(operation), "operationId": f"{name}Head"}}

    thing: Schema = {_JSON: {"schema": {"type": "object"}}}
    return {
        "/health": page("health", "The process answers", thing),
        "/ready": page("ready", "The store can be written", thing, "503"),
        "/metrics": page("metrics", "Figures for Prometheus", {"text/plain": {"schema": TEXT}}),
        "/openapi.json": page("openapi", "This description", thing),
    }


def _reading(
    name: str, summary: str, parameters: list[str], answer: Schema, *refusals: str
) -> dict[str, Any]:
    """GET, and HEAD that answers the same without its body."""
    operation = _operation(name, summary, parameters, {"200": answer}, *refusals)
    return {"get": operation, "head": _head(operation)}


def _operation(
    name: str,
    summary: str,
    parameters: list[str],
    answers: dict[str, Schema],
    *refusals: str,
    body: Schema | None = None,
) -> dict[str, Any]:
    """One method of one resource. A parameter with "!" is required."""
    needed = [*_ALWAYS, *refusals, *(_WITH_BODY if body else ())]
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "parameters": [{"$ref": "#/components/parameters/version"}]
        + [{"$ref": f"#/components/parameters/{p.replace('!', 'Required')}"} for p in parameters],
        "responses": answers | {s: {"$ref": f"#/components/responses/Refused{s}"} for s in sorted(needed)},
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
        operation["parameters"].append({"$ref": "#/components/parameters/contentEncoding"})
    return operation


def _head(operation: dict[str, Any]) -> dict[str, Any]:
    answers = {
        "200": {key: value for key, value in operation["responses"]["200"].items() if key != "content"}
    }
    refused = {
        status: {"description": _REFUSALS.get(status, "As GET")}
        for status in operation["responses"]
        if status != "200"
    }
    return {**operation, "responses": {**answers, **refused}}


def _with_alternate(operation: dict[str, Any] | None, path: str) -> dict[str, Any]:
    """POST with `method` in the query: version 1.0.x's form that stands for another request."""
    form: Schema = {_FORM: {"schema": {"type": "object", "additionalProperties": TEXT}}}
    answers = {
        "200": {"description": "As the method named answers"},
        "204": _empty("As the method named answers"),
    }
    name = "alternate" + path.title().replace("/", "").replace("{Token}", "")
    if operation is None:
        parameters = ["method!", "token"] if "{token}" in path else ["method!"]
        alone = _operation(
            name, "Another request in a form", parameters, answers, "404", "405", "409", "412", body=form
        )
        alone["parameters"][0] = {"$ref": "#/components/parameters/versionInForm"}
        return alone
    wanted = {s: {"$ref": f"#/components/responses/Refused{s}"} for s in ("404", "405", "409", "412")}
    own = dict(operation["responses"])
    if "200" in own:
        own["200"] = _or_found(own["200"])
    return {
        **operation,
        "parameters": [*operation["parameters"], {"$ref": "#/components/parameters/method"}],
        "requestBody": {**operation["requestBody"], "content": operation["requestBody"]["content"] | form},
        "responses": answers | own | wanted,
    }


def _or_found(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to storing statements, or, to a form that stands for a GET, what that finds."""
    found = _found_statements()
    either = {"anyOf": [answer["content"][_JSON]["schema"], found["content"][_JSON]["schema"]]}
    return {
        "description": f"{answer['description']}. To a form: as the method named answers",
        "headers": {name: value for name, value in answer["headers"].items() if name != STORED_HEADER},
        "content": found["content"] | {_JSON: {"schema": either}},
    }


def _parameters() -> dict[str, Any]:
    version = {
        "name": VERSION_HEADER,
        "in": "header",
        "schema": {"type": "string", "pattern": r"^(1\.0|2\.0)(\.\d+)?$"},
    }
    queries: dict[str, Schema] = {
        **{name: ref("UUID") for name in ("statementId", "voidedStatementId", "registration")},
        **{name: ref("IRI") for name in ("verb", "activity", "activityId")},
        **{name: {"type": "string", "minLength": 1} for name in ("stateId", "profileId")},
        **dict.fromkeys(("related_activities", "related_agents", "attachments", "ascending"), _BOOLEAN),
        **{name: {"type": "string", "format": "date-time"} for name in ("since", "until")},
        "limit": {"type": "integer", "minimum": 0, "description": "0: as many as the LRS gives at once."},
        "format": {"enum": ["ids", "exact", "canonical"]},
        "method": {
            "enum": ["GET", "PUT", "POST", "DELETE"],
            "description": "Alternate request syntax of 1.0.x. HEAD is taken too, and answered without a body.",
        },
    }
    headers = {
        "ifMatch": "If-Match",
        "ifNoneMatch": "If-None-Match",
        "contentEncoding": "Content-Encoding",
        "acceptLanguage": "Accept-Language",
    }
    found: dict[str, Any] = {
        "version": {**version, "required": True},
        "versionInForm": {**version, "description": "May be a field of the form instead."},
        "token": {
            "name": "token",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        },
        "agent": {"name": "agent", "in": "query", "content": {_JSON: {"schema": ref("Actor")}}},
    }
    found |= {name: {"name": name, "in": "query", "schema": schema} for name, schema in queries.items()}
    required = ("agent", "activityId", "statementId", "stateId", "profileId", "method")
    found |= {f"{name}Required": {**found[name], "required": True} for name in required}
    found |= {key: {"name": name, "in": "header", "schema": TEXT} for key, name in headers.items()}
    found["contentEncoding"]["schema"] = {"enum": ["gzip", "identity"]}
    return found


def _headers() -> dict[str, Any]:
    return {
        "Version": {"required": True, "schema": {"enum": ["1.0.3", "2.0.0"]}},
        "ConsistentThrough": {
            "required": True,
            "description": "Up to which time of `stored` nothing more will appear.",
            "schema": {"type": "string", "format": "date-time"},
        },
        "Stored": {"required": True, "description": "How many were new.", "schema": {"type": "integer"}},
        "ETag": {"schema": TEXT},
        "Last-Modified": {"schema": TEXT},
        "Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}},
        "WWW-Authenticate": {"required": True, "schema": TEXT},
        "Allow": {"required": True, "schema": TEXT},
    }


def _every_answer() -> dict[str, Any]:
    return {
        VERSION_HEADER: {"$ref": "#/components/headers/Version"},
        CONSISTENT_THROUGH: {"$ref": "#/components/headers/ConsistentThrough"},
    }


def _answer(what: str, schema: Schema) -> dict[str, Any]:
    return {"description": what, "headers": _every_answer(), "content": {_JSON: {"schema": schema}}}


def _found_statements() -> dict[str, Any]:
    answer = _answer("A statement, or a page", {"anyOf": [ref("StatementResult"), ref("StoredStatement")]})
    answer["content"]["multipart/mixed"] = {"schema": _BINARY}
    answer["headers"]["Last-Modified"] = {"$ref": "#/components/headers/Last-Modified"}
    return answer


def _empty(what: str) -> dict[str, Any]:
    return {"description": what, "headers": _every_answer()}


def _refusal(status: str) -> dict[str, Any]:
    answer = _answer(_REFUSALS[status], ref("Error"))
    if status == "409":
        answer["content"]["text/plain"] = {"schema": TEXT}
    extra = {"401": "WWW-Authenticate", "405": "Allow", "429": "Retry-After", "503": "Retry-After"}.get(
        status
    )
    if extra:
        answer["headers"][extra] = {"$ref": f"#/components/headers/{extra}"}
    return answer


def _security(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {"basic": {"type": "http", "scheme": "basic", "description": "Key and secret."}}
    if settings.bearer_issuer:
        address = f"{settings.bearer_issuer.rstrip('/')}/.well-known/openid-configuration"
        found["bearer"] = {"type": "openIdConnect", "openIdConnectUrl": address}
    return found
