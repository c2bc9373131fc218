"""Statements that valid JSON allows and programs stumble over: numbers beyond a double, deep nesting, any JSON at all. Never a 500."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrs import lake
from tests.lrs.served import Lrs, statement
from tests.lrs.test_statement_rules import FULL, json_values
from tests.lrs.test_statement_rules import statements as valid_statements
from tests.scale import scaled

JSON = {"Content-Type": "application/json"}


def with_value(value: str, **changes: Any) -> tuple[str, bytes]:
    """A statement whose result's extension is `value` as JSON text: its id and its bytes."""
    sent = statement(result={"extensions": {"http://x.example/e": "HERE"}}, **changes)
    return sent["id"], json.dumps(sent).replace('"HERE"', value).encode()


ODD_VALUES = ["1e400", "-1E+999", "9" * 400, "[" * 190 + "1e400" + "]" * 190]


def test_what_is_taken_can_be_read_in_every_form_and_sealed(each_lrs: Lrs) -> None:
    with each_lrs.client() as client:
        for value in ODD_VALUES:
            statement_id, body = with_value(value)
            reference = statement(object={"objectType": "StatementRef", "id": statement_id})
            for _ in range(2):  # the second time it is a repeated id
                answer = client.post("/statements", content=body, headers=JSON)
                assert (answer.status_code, answer.json()) == (200, [statement_id])
            assert client.post("/statements", json=reference).status_code == 200
            for form in ("exact", "ids", "canonical"):
                for attachments in ("true", "false"):
                    parameters = {"statementId": statement_id, "format": form, "attachments": attachments}
                    found = client.get("/statements", params=parameters)
                    assert (found.status_code, value in found.text) == (200, True), found.text[:200]
        agent = json.dumps(reference["actor"])
        assert client.get("/agents", params={"agent": agent}).status_code == 200
    assert lake.seal_once(each_lrs.settings).count == 2 * len(ODD_VALUES)
    assert all(check.is_equal for check in lake.verify(each_lrs.settings))


@pytest.mark.parametrize("depth", [250, 940, 950, 960, 970, 980, 1500, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_what_is_nested_too_deeply_is_refused(client: httpx.Client, depth: int, opening: str) -> None:
    for inmost in ("1", "1e400"):
        value = opening * depth + inmost + {"[": "]"}.get(opening, "}") * depth
        statement_id, body = with_value(value)
        answer = client.post("/statements", content=body, headers=JSON)
        assert (answer.status_code, "nested" in answer.json()["rule"]) == (400, True)
        assert client.get("/statements", params={"statementId": statement_id}).status_code == 404


def paths(value: Any, *before: Any) -> list[tuple[Any, ...]]:
    """Where something stands in a JSON value, all depths."""
    items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    return [place for key, item in items for place in ((*before, key), *paths(item, *before, key))]


PLACES = paths(FULL)
ODD = st.sampled_from([None, "", [], {}, [[]], {"": ""}, -1, 1e308, 2**80, "\0", "é", "a" * 300, True, [FULL["actor"]], FULL])  # fmt: skip


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """A valid statement with something replaced, taken away, added or renamed, once to three times."""
    mutant = copy.deepcopy(FULL)
    mutant["id"] = str(uuid.UUID(int=draw(st.integers(0, 2**128 - 1))))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(PLACES))
        owner: Any = mutant
        try:
            for step in way:
                owner = owner[step]
            match draw(st.sampled_from(["replace", "odd", "delete", "add", "rename"])):
                case "replace":
                    owner[last] = draw(json_values)
                case "odd":
                    owner[last] = draw(ODD)
                case "delete":
                    del owner[last]
                case "add":
                    owner[draw(st.text(max_size=5)) if type(owner) is dict else 0] = draw(json_values)
                case "rename":
                    owner[str(last).upper()] = owner.pop(last)
        except (LookupError, TypeError, AttributeError):
            continue
    return mutant


hostile = valid_statements | mutants() | mutants() | json_values
SENT_TOGETHER = 20


@given(st.lists(hostile, min_size=SENT_TOGETHER, max_size=SENT_TOGETHER), st.sampled_from(["1.0.3", "2.0.0"]))
@settings(
    max_examples=scaled(50, 2_500),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
def test_no_statement_ends_in_a_server_error(shared_lrs: Lrs, sent: list[Any], version: str) -> None:
    """On both back ends together 2,000 statements, 100,000 at full size: valid ones, mutants, any JSON. What is taken can be read and sealed."""
    taken = []
    with shared_lrs.client(version=version) as client:
        for value in sent:
            body = json.dumps(value).encode()
            answer = client.post("/statements", content=body, headers=JSON)
            assert answer.status_code in (200, 400, 409), (answer.status_code, body)
            taken += answer.json() if answer.status_code == 200 else []
        for form in ("exact", "ids", "canonical"):
            parameters = {"limit": len(taken) or 1, "format": form, "attachments": "true"}
            assert client.get("/statements", params=parameters).status_code == 200


def test_everything_taken_above_can_be_sealed(shared_lrs: Lrs) -> None:
    lake.seal_once(shared_lrs.settings)
    assert all(check.is_equal for check in lake.verify(shared_lrs.settings))
