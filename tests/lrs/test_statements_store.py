"""PUT and POST /statements: what is stored, what is answered, what counts as the same statement."""

from __future__ import annotations

import json
import uuid

import httpx
import pytest

from tests.lrs.served import Lrs, statement


def get_one(client: httpx.Client, statement_id: str) -> httpx.Response:
    return client.get("/statements", params={"statementId": statement_id})


def test_put_stores_under_the_named_id(client: httpx.Client) -> None:
    sent = statement(id=None)
    named = str(uuid.uuid4())
    answer = client.put("/statements", params={"statementId": named}, json=sent)
    assert (answer.status_code, answer.content) == (204, b"")
    stored = get_one(client, named).json()
    assert stored["id"] == named
    assert {key: stored[key] for key in sent} == sent


def test_post_answers_ids_in_order(client: httpx.Client) -> None:
    batch = [statement() for _ in range(20)]
    answer = client.post("/statements", json=batch)
    assert answer.status_code == 200
    assert answer.json() == [item["id"] for item in batch]
    assert answer.headers["X-Learnlake-Stored"] == "20"


def test_the_lrs_sets_what_is_its_own(client: httpx.Client) -> None:
    sent = statement(
        id=None, stored="2001-01-01T00:00:00Z", authority={"mbox": "mailto:someone@else.example"}
    )
    (made,) = client.post("/statements", json=sent).json()
    stored = get_one(client, made).json()
    assert stored["version"] == "1.0.0"
    assert stored["timestamp"] == stored["stored"] > "2026"
    assert stored["authority"]["account"]["name"] == "default:lms"


@pytest.mark.parametrize(
    "value",
    [
        "1.0",
        "1.50",
        "1e2",
        "1E+2",
        "-0.0",
        "12345678901234567890123",
        "0.1000000000000000055511",
        "1e400",
        '"\\u00e9\\n"',
        '"é 日本 😀"',
    ],
)
def test_numbers_and_texts_come_back_as_they_came(client: httpx.Client, value: str) -> None:
    made = str(uuid.uuid4())
    extensions = f'{{"http://x.example/value" : {value}}}'
    sent = json.dumps(statement(id=made, result={"extensions": "HERE"})).replace('"HERE"', extensions)
    answer = client.post("/statements", content=sent.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert extensions.encode() in get_one(client, made).content


def test_a_single_context_activity_becomes_an_array(client: httpx.Client) -> None:
    parent = {"id": "https://school.example/courses/1"}
    sub = {
        **statement(id=None, context={"contextActivities": {"grouping": parent}}),
        "objectType": "SubStatement",
    }
    sent = statement(context={"contextActivities": {"parent": parent, "other": [parent]}}, object=sub)
    client.post("/statements", json=sent).raise_for_status()
    stored = get_one(client, sent["id"]).json()
    assert stored["context"]["contextActivities"] == {"parent": [parent], "other": [parent]}
    assert stored["object"]["context"]["contextActivities"] == {"grouping": [parent]}


SAME = {
    "again": {},
    "another display of the verb": {
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered", "display": {"en": "x"}}
    },
    "another definition": {
        "object": {"id": "https://school.example/items/1", "definition": {"name": {"en": "x"}}}
    },
    "the time in another zone": {"timestamp": "2026-01-01T13:00:00+01:00"},
    "no time": {"timestamp": None},
}
DIFFERENT = {
    "another verb": {"verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"}},
    "another actor": {"actor": {"mbox": "mailto:other@school.example"}},
    "another object": {"object": {"id": "https://school.example/items/2"}},
    "another time": {"timestamp": "2026-01-01T12:00:01Z"},
    "a result": {"result": {"success": True}},
    "a context": {"context": {"platform": "x"}},
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_the_same_statement_again_changes_nothing(client: httpx.Client, change: dict[str, object]) -> None:
    first = statement(timestamp="2026-01-01T12:00:00Z")
    client.post("/statements", json=first).raise_for_status()
    before = get_one(client, first["id"]).content
    again = {key: value for key, value in {**first, **change}.items() if value is not None}
    assert client.put("/statements", params={"statementId": first["id"]}, json=again).status_code == 204
    answer = client.post("/statements", json=again)
    assert (answer.status_code, answer.headers["X-Learnlake-Stored"]) == (200, "0")
    assert get_one(client, first["id"]).content == before


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_another_statement_under_a_taken_id_is_a_conflict(
    client: httpx.Client, change: dict[str, object]
) -> None:
    first = statement(timestamp="2026-01-01T12:00:00Z")
    client.post("/statements", json=first).raise_for_status()
    before = get_one(client, first["id"]).content
    other = {**first, **change}
    beside = statement()
    assert client.put("/statements", params={"statementId": first["id"]}, json=other).status_code == 409
    assert client.post("/statements", json=[beside, other]).status_code == 409
    assert get_one(client, first["id"]).content == before
    assert get_one(client, beside["id"]).status_code == 404


def test_order_of_group_members_does_not_count(client: httpx.Client) -> None:
    members = [{"mbox": f"mailto:{name}@school.example"} for name in "abc"]
    first = statement(actor={"objectType": "Group", "member": members})
    turned = {**first, "actor": {"objectType": "Group", "member": members[::-1]}}
    assert client.post("/statements", json=first).status_code == 200
    assert client.post("/statements", json=turned).status_code == 200


def test_a_batch_is_stored_whole_or_not_at_all(client: httpx.Client) -> None:
    good, bad = statement(), statement(verb={"id": "no iri"})
    answer = client.post("/statements", json=[good, bad])
    assert answer.status_code == 400
    assert answer.json()["path"] == "$[1].verb.id"
    assert get_one(client, good["id"]).status_code == 404
    twice = client.post("/statements", json=[good, good])
    assert (twice.status_code, twice.json()["path"]) == (400, "$[1].id")
    assert get_one(client, good["id"]).status_code == 404


def test_an_empty_batch_stores_nothing(client: httpx.Client) -> None:
    assert client.post("/statements", json=[]).json() == []


def test_put_refuses_another_id_and_a_missing_one(client: httpx.Client) -> None:
    sent = statement()
    assert client.put("/statements", params={"statementId": str(uuid.uuid4())}, json=sent).status_code == 400
    assert client.put("/statements", json=sent).status_code == 400
    assert client.put("/statements", params={"statementId": "x"}, json=sent).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[1,", b"null", b"\xff", b'{"a":1}{', b"NaN", b"[" * 5000])
def test_broken_json_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/statements", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["section"].startswith("xAPI 1.0.3 Data 2.2")


def test_doubled_keys_are_refused_at_any_depth(client: httpx.Client) -> None:
    plain = json.dumps(statement(result={"extensions": {"http://x.example": {"a\\u0041": "\\\\"}}}))
    for body in (
        plain.replace('"verb": {', '"verb": {"id": "http://v.example", ', 1),
        plain.replace('"a\\\\u0041"', '"b": 1, "b"'),
        plain[:-1] + ', "result": {}}',
    ):
        assert body != plain
        answer = client.post(
            "/statements", content=body.encode(), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, "twice" in answer.text) == (400, True), body


def test_body_limit(lrs: Lrs) -> None:
    with lrs.client() as client:
        large = statement(result={"response": "x" * lrs.settings.body_max_bytes})
        assert client.post("/statements", json=large).status_code == 413
        assert client.post("/statements", json=statement()).status_code == 200
