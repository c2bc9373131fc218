"""What every answer holds, also those that are no success: the version, consistent-through, a challenge, a rule."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.lrs.served import Lrs, statement

VERSION = "X-Experience-API-Version"
THROUGH = "X-Experience-API-Consistent-Through"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
NOWHERE = "5d2bef4f-6cfa-444c-98c7-4a98e9aedecb"
ASK = {"agent": json.dumps({"mbox": "mailto:a@x.example"})}

# What is sent, and the status it is answered with.
REQUESTS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/statements", {}, 200),
    ("HEAD", "/statements", {}, 200),
    ("GET", "/about", {}, 200),
    ("HEAD", "/about", {}, 200),
    ("GET", "/agents", {"params": ASK}, 200),
    ("GET", "/activities", {"params": {"activityId": "https://x.example/a"}}, 200),
    ("GET", "/statements", {"params": {"statementId": NOWHERE}}, 404),
    ("GET", "/statements", {"params": {"unknown": "1"}}, 400),
    ("GET", "/statements/more/x", {}, 400),
    ("GET", "/statements/more/x.y", {}, 400),
    ("GET", "/activities/state", {"params": {**ASK, "activityId": "https://x.example/a", "stateId": "none"}}, 404),
    ("PUT", "/activities/state", {"params": {**ASK, "activityId": "https://x.example/a", "stateId": "d"}, "headers": {"If-Match": '"x"'}}, 412),
    ("POST", "/statements", {"content": b"{", "headers": JSON}, 400),
    ("POST", "/statements", {"content": b"x", "headers": {"Content-Type": "text/plain"}}, 400),
    ("POST", "/statements", {"content": b"limit=1", "headers": FORM, "params": {"method": "TRACE"}}, 400),
    ("POST", "/statements", {"content": b"limit=1", "headers": FORM, "params": {"method": "HEAD"}}, 200),
    ("PATCH", "/statements", {}, 405),
    ("OPTIONS", "/statements", {}, 405),
    ("TRACE", "/statements", {}, 405),
    ("DELETE", "/about", {}, 405),
    ("GET", "/nowhere", {}, 404),
    ("GET", "/statements/", {}, 404),
]  # fmt: skip


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
@pytest.mark.parametrize(("method", "path", "request_", "status"), REQUESTS, ids=lambda v: str(v)[:40])
def test_version_and_consistent_through(
    shared_lrs: Lrs, version: str, method: str, path: str, request_: dict[str, Any], status: int
) -> None:
    base = f"{shared_lrs.root}/xapi" + ("/2.0" if version == "2.0.0" else "")
    with shared_lrs.client(version=version) as client:
        answer = client.request(method, base + path, **request_)
    is_form = request_.get("headers") == FORM
    assert answer.status_code == (400 if is_form and version == "2.0.0" else status), answer.text
    assert answer.headers[VERSION] == version
    if method not in ("OPTIONS", "TRACE"):
        assert answer.headers[THROUGH] > "2026"
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json()["rule"]
        assert answer.json()["section"].startswith("xAPI 1.0.3 ")


def test_a_preflight_and_an_address_without_resource_name_the_version(shared_lrs: Lrs) -> None:
    asks = {"Origin": "https://content.example", "Access-Control-Request-Method": "PUT"}
    answer = httpx.options(f"{shared_lrs.url}/statements", headers=asks)
    assert (answer.status_code, answer.headers[VERSION]) == (200, "1.0.3")
    answer = httpx.get(f"{shared_lrs.root}/xapi")
    assert (answer.status_code, answer.headers[VERSION]) == (404, "1.0.3")


def test_too_large_a_body_is_told_so(shared_lrs: Lrs, client: httpx.Client) -> None:
    large = b" " * (shared_lrs.settings.body_max_bytes + 1)
    answer = client.post("/statements", content=large, headers=JSON)
    assert (answer.status_code, answer.headers[VERSION]) == (413, "1.0.3")
    assert answer.headers[THROUGH] > "2026"


def header(text: bytes) -> dict[str, bytes]:
    return {"Authorization": text, VERSION: b"1.0.3"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"Basic",
        b"Basic !!!",
        b"Basic \xff\xfe",
        b"Basic " + base64.b64encode(b"no-colon"),
        b"Basic " + base64.b64encode(b"\xff\xfe:x"),
        b"Basic " + base64.b64encode(b"a\0b:x"),
        b"Basic " + base64.b64encode(b"x:" + b"y" * 5000),
        b"Bearer x",
        b"Digest x",
    ],
)
def test_wrong_credentials_are_challenged(shared_lrs: Lrs, value: bytes | None) -> None:
    sent = header(value) if value else {VERSION: b"1.0.3"}
    answer = httpx.get(f"{shared_lrs.url}/statements", headers=sent)
    assert (answer.status_code, answer.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    assert (answer.headers[VERSION], answer.headers[THROUGH] > "2026") == ("1.0.3", True)


def state(name: str, **agent: Any) -> dict[str, Any]:
    who = agent or {"mbox": "mailto:a@x.example"}
    return {"params": {"activityId": "https://x.example/a", "agent": json.dumps(who), "stateId": name}}


NUL = {"account": {"homePage": "https://x.example", "name": "a\0b"}}


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"),
    [
        ("GET", "/statements", {"params": {"limit": "9" * 5000}}, 200),
        ("GET", "/statements", {"params": {"limit": "0" * 5000}}, 200),
        ("GET", "/statements", {"params": {"since": "0001-01-01T00:00:00+14:00"}}, 400),
        ("GET", "/statements", {"params": {"since": "0001-01-01T00:00:00Z"}}, 200),
        ("GET", "/statements", {"params": {"until": "9999-12-31T23:59:59.999999Z"}}, 200),
        ("GET", "/statements", {"params": {"agent": json.dumps(NUL)}}, 200),
        ("GET", "/agents", {"params": {"agent": json.dumps(NUL)}}, 200),
        (
            "POST",
            "/statements",
            {"json": statement(id="5d2bef4f-6cfa-444c-98c7-4a98e9aedec0", actor=NUL)},
            200,
        ),
        ("PUT", "/activities/state", state("a\0b"), 400),
        ("GET", "/activities/state", state("a\0b"), 400),
        ("DELETE", "/activities/state", state("a\0b"), 400),
        ("PUT", "/activities/state", state("d", **NUL), 400),
        ("PUT", "/activities/state", state("\U0001f600" * 3), 204),
    ],
    ids=lambda v: repr(v)[:60],
)
def test_hostile_parameters_are_answered(
    client: httpx.Client, method: str, path: str, request_: dict[str, Any], status: int
) -> None:
    assert client.request(method, path, **request_).status_code == status


def test_an_address_of_more_cannot_be_made_up(client: httpx.Client) -> None:
    client.post("/statements", json=[statement(), statement()]).raise_for_status()
    more = client.get("/statements", params={"limit": 1}).json()["more"].removeprefix("/xapi")
    token, _, seal = more.rpartition("/")[2].partition(".")
    assert client.get(more).status_code == 200
    fields = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    for change in ({"limit": 10**9}, {"limit": -5}, {"keys": [10**30]}, {"form": "pretty"}, {"tenant": "x"}):
        text = json.dumps({**fields, **change}).encode()
        forged = base64.urlsafe_b64encode(text).decode().rstrip("=")
        assert client.get(f"/statements/more/{forged}.{seal}").status_code == 400, change
    for wrong in (token, f"{token}.", f"{token}.é", f"{token}.{seal[:-1]}", "%ff%fe"):
        assert client.get(f"/statements/more/{wrong}").status_code == 400, wrong
