"""State, activity profiles and agent profiles: concurrency by ETag, merging, listing, deleting; nothing lost in a race."""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any

import httpx
import pytest

from tests.lrs.served import Lrs

AGENT = json.dumps({"account": {"homePage": "https://school.example", "name": "s1"}})
PATHS = ["/activities/state", "/activities/profile", "/agents/profile"]


def place(path: str, name: str | None = None, **more: str) -> dict[str, str]:
    """Query parameters of a document (or of all, without a name) that no other test uses."""
    activity = f"https://x.example/{uuid.uuid4()}"
    agent = json.dumps({"account": {"homePage": "https://school.example", "name": str(uuid.uuid4())}})
    owners = {
        "/activities/state": {"activityId": activity, "agent": agent},
        "/activities/profile": {"activityId": activity},
        "/agents/profile": {"agent": agent},
    }[path]
    key = "stateId" if path == "/activities/state" else "profileId"
    return {**owners, **({key: name} if name else {}), **more}


def key_of(path: str) -> str:
    return "stateId" if path == "/activities/state" else "profileId"


@pytest.mark.parametrize("path", PATHS)
def test_bytes_and_type_come_back_as_they_came(client: httpx.Client, path: str) -> None:
    where = place(path, "d ü/1")
    content = bytes(range(256))
    headers = {"Content-Type": "image/png; x=1", "If-None-Match": "*"}
    assert client.put(path, params=where, content=content, headers=headers).status_code == 204
    answer = client.get(path, params=where)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (
        200,
        content,
        "image/png; x=1",
    )
    assert len(answer.headers["ETag"].strip('"')) == 40
    assert answer.headers["Last-Modified"].endswith("GMT")
    head = client.head(path, params=where)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])
    assert client.delete(path, params=where).status_code == 204
    assert client.get(path, params=where).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_preconditions(client: httpx.Client, path: str) -> None:
    where = place(path, "d")

    def put(content: str, **headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.put(
            path, params=where, content=content, headers={"Content-Type": "text/plain", **sent}
        ).status_code

    assert put("x", If_Match='"0"') == 412
    assert put("one", If_None_Match="*") == 204
    assert put("two", If_None_Match="*") == 412
    tag = client.get(path, params=where).headers["ETag"]
    assert put("two", If_Match='"wrong"') == 412
    assert put("two", If_Match=f'"wrong", {tag}') == 204
    assert put("three", If_Match=tag) == 412
    assert client.delete(path, params=where, headers={"If-Match": tag}).status_code == 412
    assert client.get(path, params=where).text == "two"


def test_blind_overwriting(shared_lrs: Lrs) -> None:
    for version, first, second in (("1.0.3", 400, 409), ("2.0.0", 204, 409)):
        with shared_lrs.client(version=version) as client:
            where = place("/activities/profile", "d")
            assert client.put("/activities/profile", params=where, content=b"x").status_code == first
            client.post("/activities/profile", params=where, content=b"x")
            answer = client.put("/activities/profile", params=where, content=b"y")
            assert (answer.status_code, answer.headers["Content-Type"][:10]) == (second, "text/plain")
            assert client.get("/activities/profile", params=where).content == b"x"
    for version, second in (("1.0.3", 204), ("2.0.0", 409)):
        with shared_lrs.client(version=version) as client:
            where = place("/activities/state", "d")
            assert client.put("/activities/state", params=where, content=b"x").status_code == 204
            assert client.put("/activities/state", params=where, content=b"y").status_code == second


@pytest.mark.parametrize("path", PATHS)
def test_post_merges_top_level_keys_exactly(client: httpx.Client, path: str) -> None:
    where = place(path, "d")
    headers = {"Content-Type": "application/json; charset=utf-8"}
    client.post(path, params=where, content=b'{"a": 1.50, "b": {"x": 1}, "c": "\\u00e9"}', headers=headers)
    assert (
        client.post(
            path, params=where, content=b'{"b": {"y": 12345678901234567890123}}', headers=headers
        ).status_code
        == 204
    )
    assert (
        client.get(path, params=where).content
        == b'{"a":1.50,"b":{"y": 12345678901234567890123},"c":"\\u00e9"}'
    )
    for content, kind in ((b"[1]", "application/json"), (b"{", "application/json"), (b"x", "text/plain")):
        assert (
            client.post(path, params=where, content=content, headers={"Content-Type": kind}).status_code
            == 400
        )
    other = place(path, "text")
    client.post(path, params=other, content=b"x", headers={"Content-Type": "text/plain"})
    assert client.post(path, params=other, content=b"{}", headers=headers).status_code == 400


@pytest.mark.parametrize("path", PATHS)
def test_lists_names_and_follows_since(client: httpx.Client, path: str) -> None:
    everything = place(path)

    def post(name: str) -> None:
        client.post(path, params={**everything, key_of(path): name}, json={}).raise_for_status()

    post("b")
    post("a")
    between = client.get(path, params=everything).headers["X-Experience-API-Consistent-Through"]
    post("c")
    post("a")
    assert client.get(path, params=everything).json() == ["a", "b", "c"]
    assert client.get(path, params={**everything, "since": between}).json() == ["a", "c"]
    assert client.get(path, params={**everything, "since": "soon"}).status_code == 400


def test_state_with_and_without_registration(client: httpx.Client) -> None:
    path, where = "/activities/state", place("/activities/state", "d")
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    for content, more in (
        (b"plain", {}),
        (b"one", {"registration": one}),
        (b"two", {"registration": two.upper()}),
    ):
        client.put(path, params={**where, **more}, content=content).raise_for_status()
    assert client.get(path, params=where).content == b"plain"
    assert client.get(path, params={**where, "registration": two}).content == b"two"
    everything = {key: value for key, value in where.items() if key != "stateId"}
    assert client.delete(path, params={**everything, "registration": one}).status_code == 204
    assert client.get(path, params={**where, "registration": one}).status_code == 404
    assert client.get(path, params={**where, "registration": two}).status_code == 200
    assert client.delete(path, params=everything).status_code == 204
    assert client.get(path, params=everything).json() == []


@pytest.mark.parametrize("path", PATHS)
def test_wrong_parameters(client: httpx.Client, path: str) -> None:
    where = place(path, "d")
    for name in where:
        less = {key: value for key, value in where.items() if key != name}
        assert client.post(path, params=less, json={}).status_code == 400, name
    assert client.post(path, params={**where, "unknown": "1"}, json={}).status_code == 400
    if "agent" in where:
        assert client.post(path, params={**where, "agent": '{"mbox": "x"}'}, json={}).status_code == 400
    if "activityId" in where:
        assert client.post(path, params={**where, "activityId": "x"}, json={}).status_code == 400


def race(lrs: Lrs, count: int, work: Any) -> list[int]:
    """Run `work(client, number)` in `count` threads that start together."""
    answers: list[int] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        with lrs.client() as client:
            client.get("/about")
            barrier.wait()
            answers.append(work(client, number).status_code)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("path", PATHS)
def test_one_if_match_has_one_winner(shared_lrs: Lrs, client: httpx.Client, path: str) -> None:
    where = place(path, "d")
    client.post(path, params=where, json={"n": -1})
    tag = client.get(path, params=where).headers["ETag"]
    answers = race(
        shared_lrs, 10, lambda c, n: c.put(path, params=where, json={"n": n}, headers={"If-Match": tag})
    )
    assert sorted(answers) == [204] + [412] * 9
    fresh = place(path, "d")
    answers = race(
        shared_lrs, 10, lambda c, n: c.put(path, params=fresh, json={"n": n}, headers={"If-None-Match": "*"})
    )
    assert sorted(answers) == [204] + [412] * 9


@pytest.mark.parametrize("path", PATHS)
def test_merges_lose_no_key(shared_lrs: Lrs, client: httpx.Client, path: str) -> None:
    where = place(path, "d")
    assert set(race(shared_lrs, 20, lambda c, n: c.post(path, params=where, json={f"k{n}": n}))) == {204}
    assert client.get(path, params=where).json() == {f"k{n}": n for n in range(20)}
