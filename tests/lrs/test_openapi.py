"""The description at /openapi.json is true: it names every route and parameter, and a fuzzer finds nothing that it does not allow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lrs.app import BASES, OPEN_RESOURCES, RESOURCES
from lrs.openapi import description
from tests.lrs.served import KEY, SECRET, Lrs
from tests.scale import FULL, scaled

PAGES = {"/health", "/ready", "/metrics", "/openapi.json"}


@pytest.fixture(scope="module")
def described(shared_lrs: Lrs) -> dict[str, Any]:
    answer = httpx.get(f"{shared_lrs.root}/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def test_it_names_every_route_and_method_and_no_other(described: dict[str, Any]) -> None:
    served: dict[str, set[str]] = {page: {"get", "head"} for page in PAGES}
    for base in BASES:
        for path, _, handlers in [*RESOURCES, *OPEN_RESOURCES]:
            if handlers:
                methods = {method.lower() for method in handlers}
                alternate = {"post"} if base == "/xapi" and path != "about" else set()
                served[f"{base}/{path}"] = methods | ({"head"} if "get" in methods else set()) | alternate
    assert {path: set(item) for path, item in described["paths"].items()} == served


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            value = list(value.values())
        for item in value if isinstance(value, list) else ():
            yield from references(item)

    for reference in references(described):
        place: Any = described
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_it_names_every_parameter_that_a_resource_takes(shared_lrs: Lrs, described: dict[str, Any]) -> None:
    named = described["components"]["parameters"]
    checked = 0
    with shared_lrs.client() as client:
        for path, item in described["paths"].items():
            for method in item.keys() - {"head"}:
                if path in PAGES or (
                    method not in ("get", "put", "delete") and not path.endswith("statements")
                ):
                    continue
                version = "2.0.0" if path.startswith("/xapi/2.0") else "1.0.3"
                refused = client.request(
                    method,
                    f"{shared_lrs.root}{path.replace('{token}', 'x')}",
                    params={"nonsense": "1"},
                    headers={"X-Experience-API-Version": version},
                    content=b"{}",
                )
                found = re.fullmatch(r"unknown parameter 'nonsense'; known are (.*)", refused.json()["rule"])
                assert found, (path, method, refused.text)
                parameters = [named[p["$ref"].rpartition("/")[2]] for p in item[method]["parameters"]]
                queries = {p["name"] for p in parameters if p["in"] == "query"} - {"method"}
                assert queries == set(filter(None, found[1].split(", "))), (path, method)
                checked += 1
    assert checked > 20


def test_bearer_tokens_are_described_where_they_are_taken(shared_lrs: Lrs, described: dict[str, Any]) -> None:
    assert described["security"] == [{"basic": []}]
    open_to_tokens = description(
        shared_lrs.settings.model_copy(update={"bearer_issuer": "https://login.example"})
    )
    assert {"bearer": []} in open_to_tokens["security"]
    address = open_to_tokens["components"]["securitySchemes"]["bearer"]["openIdConnectUrl"]
    assert address == "https://login.example/.well-known/openid-configuration"


CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("multipart/mixed")
def _in_parts(context: schemathesis.SerializationContext, value: Any) -> Any:
    """Whatever the fuzzer has thought of as the first part."""
    content = value if isinstance(value, bytes) else repr(value).encode()
    return b"--b0undary\r\nContent-Type: application/json\r\n\r\n" + content + b"\r\n--b0undary--\r\n"


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_a_fuzzer_finds_no_answer_that_it_does_not_allow(
    shared_lrs: Lrs, mode: schemathesis.GenerationMode
) -> None:
    """Requests that the description allows, and requests that it does not: each answer is one that it names.

    At the small size the ones go to the first base, the others to the second.
    """
    if not FULL and shared_lrs.settings.database_url:
        pytest.skip("at the small size on SQLite only")
    schema = schemathesis.openapi.from_url(f"{shared_lrs.root}/openapi.json")
    statuses: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        if not FULL and operation.path.startswith("/xapi/2.0") != mode.is_negative:
            continue
        if mode.is_negative and not operation.body and not list(operation.iter_parameters()):
            continue  # nothing about it can be wrong

        @hypothesis_settings(
            max_examples=scaled(2, 300),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def fuzz(case: schemathesis.Case) -> None:
            answer = case.call(auth=(KEY, SECRET))
            statuses[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKED)

        fuzz()
    print(mode.value, dict(statuses))
    assert statuses[400] if mode.is_negative else statuses[200] and statuses[204]
