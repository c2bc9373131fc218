"""The API's own routes in OpenAPI 3.1, served at /openapi.json. OneRoster and SCIM, served beside them, are described by their standards."""

from __future__ import annotations

from typing import Any

from people.roster_clients import ANSWERS, PREDICTIONS

Schema = dict[str, Any]

_JSON = "application/json"
TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_BOOLEAN: Schema = {"type": "boolean"}
_OPTIONAL: Schema = {"type": ["string", "null"]}
_REFUSALS = {
    "400": "The request is not usable; the answer says what and how to mend it.",
    "401": "No session or token, or one that has ended.",
    "403": "The role may not see this, or the token lacks the scope.",
    "404": "Nothing of this kind about such a person is open to the caller: the same answer whether or not there is such a person.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "503": "Nothing has been published, no model has been trained, or a service asked does not answer.",
}
_PERSON = [{"name": "person_key", "in": "path", "required": True, "schema": TEXT}]


def description() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Learnlake API",
            "version": "1",
            "description": "Marts and predictions as far as the people policy lets the caller see them; each view is audited. "
            "People send a session's token (POST /v1/session) or their OpenID provider's with the scope records/read; systems a token from "
            f"/oneroster/token with the scope {PREDICTIONS} or {ANSWERS}. OneRoster 1.2 is served below /oneroster, SCIM 2.0 below /scim.",
        },
        "paths": {**_pages(), **_session(), **_marts(), **_predictions()},
        "components": {
            "schemas": {
                "Refusal": _object({"error": TEXT, "where": TEXT, "mend": TEXT}, required=("error",)),
                **_schemas(),
            },
            "responses": {
                f"Refused{status}": {
                    "description": text,
                    "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Refusal"}}},
                }
                for status, text in _REFUSALS.items()
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "system": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": "/oneroster/token",
                            "scopes": {PREDICTIONS: "Read predictions.", ANSWERS: "Report answers."},
                        }
                    },
                },
            },
        },
    }


def _pages() -> dict[str, Any]:
    return {
        "/health": {"get": _open("The process answers", {"type": "object"})},
        "/ready": {"get": _open("There is a snapshot to read", {"type": "object"}, "503")},
        "/openapi.json": {"get": _open("This description", {"type": "object"})},
    }


def _session() -> dict[str, Any]:
    body = _object({"login": TEXT, "password": TEXT, "code": _OPTIONAL}, required=("login", "password"))
    return {
        "/v1/session": {
            "post": {
                "summary": "Log in",
                "requestBody": _body(body),
                "responses": {
                    "201": _content("A token", {"type": "object"}),
                    **_refused("400", "401", "408", "413"),
                },
            },
            "delete": {
                "summary": "Log out",
                "security": [{"bearer": []}],
                "responses": {"204": {"description": "Ended"}, **_refused("403", "503")},
            },
        },
        "/v1/me": {"get": _asked("Who the token belongs to", {"type": "object"})},
    }


def _marts() -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": "mart", "in": "path", "required": True, "schema": TEXT},
        {"name": "format", "in": "query", "schema": {"enum": ["json", "csv", "parquet"]}},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
    ]
    return {
        "/v1/marts": {"get": _asked("Marts open to the caller", {"type": "object"})},
        "/v1/marts/{mart}": {
            "get": _asked("The caller's rows of a mart", {"type": "array"}, "400", parameters=parameters)
        },
    }


def _predictions() -> dict[str, Any]:
    base, person = "/v1/people/{person_key}", {"parameters": _PERSON}
    answer = _object(
        {
            "statement_id": {**TEXT, "format": "uuid"},
            "skill_key": TEXT,
            "is_correct": _BOOLEAN,
            "activity_key": _OPTIONAL,
        },
        required=("statement_id", "skill_key", "is_correct"),
    )
    return {
        "/v1/people/key": {
            "post": {
                **_asked(
                    "The person_key of an account", _object({"person_key": TEXT}), *_BODY, scope=PREDICTIONS
                ),
                "requestBody": _body(
                    _object({"homePage": TEXT, "name": TEXT}, required=("homePage", "name"))
                ),
            }
        },
        f"{base}/mastery": {
            **person,
            "get": _asked("Mastery of each skill", _ref("Mastery"), "404", scope=PREDICTIONS),
        },
        f"{base}/answers": {
            **person,
            "post": {
                **_asked("Mastery of the skill after one more answer", _ref("Moved"), *_BODY, scope=ANSWERS),
                "requestBody": _body(answer),
            },
        },
        f"{base}/next-activities": {
            **person,
            "get": _asked("What to do next, and why", _ref("NextActivities"), "404", scope=PREDICTIONS),
        },
        f"{base}/risk": {
            **person,
            "get": _asked(
                "Risk of failing or leaving, by class, and why", _ref("Risk"), "404", scope=PREDICTIONS
            ),
        },
    }


_BODY = ("400", "404", "408", "413")


def _schemas() -> dict[str, Schema]:
    built = {"person_key": TEXT, "build_id": TEXT, "as_of": {**TEXT, "format": "date"}}
    model = {"model_name": TEXT, "model_version": TEXT}
    skill = _object(
        {
            "skill_key": TEXT,
            "mastery": _SHARE,
            "uncertainty": {
                **_NUMBER,
                "description": "Standard deviation: 0 is certain, .5 is anybody's guess.",
            },
            "if_next_right": _SHARE,
            "if_next_wrong": _SHARE,
            "is_mastered": _BOOLEAN,
            "opportunity_count": _COUNT,
            "correct_count": _COUNT,
            "last_attempt_at": _OPTIONAL,
            "reason": TEXT,
            "school_key": _OPTIONAL,
            "section_key": _OPTIONAL,
            "course_key": _OPTIONAL,
        }
    )
    rows: Schema = {"type": "array", "items": {"type": "object"}}
    return {
        "Skill": skill,
        "Mastery": _object(
            {
                **built,
                **model,
                "answers_since_build": _COUNT,
                "skills": {"type": "array", "items": _ref("Skill")},
            }
        ),
        "Moved": _object({**built, **model, "skill": {"anyOf": [_ref("Skill"), {"type": "null"}]}}),
        "NextActivities": _object({**built, "next_activities": rows}),
        "Risk": _object({**built, "risk": rows}),
    }


def _object(properties: dict[str, Schema], *, required: tuple[str, ...] | None = None) -> Schema:
    names = list(properties) if required is None else list(required)
    return {"type": "object", "properties": properties, "required": names}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(schema: Schema) -> dict[str, Any]:
    return {"required": True, "content": {_JSON: {"schema": schema}}}


def _content(text: str, schema: Schema) -> dict[str, Any]:
    return {"description": text, "content": {_JSON: {"schema": schema}}}


def _refused(*statuses: str) -> dict[str, Any]:
    return {status: {"$ref": f"#/components/responses/Refused{status}"} for status in statuses}


def _open(summary: str, schema: Schema, *refusals: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _content(summary, schema), **_refused(*refusals)}}


def _asked(
    summary: str,
    schema: Schema,
    *refusals: str,
    scope: str | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    security: list[dict[str, list[str]]] = [] if scope == ANSWERS else [{"bearer": []}]
    return {
        **_open(summary, schema, "401", "403", *refusals, "503"),
        "security": [*security, *([{"system": [scope]}] if scope else [])],
        **({"parameters": parameters} if parameters else {}),
    }
