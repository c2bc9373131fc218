"""GET /statements: by id and by filters; complete, not only sound; stable pages; voiding and references."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from lrs import credentials
from tests.lrs.served import Lrs, statement

NOWHERE = "5d2bef4f-6cfa-444c-98c7-4a98e9aedecb"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"


def find(client: httpx.Client, **parameters: Any) -> list[str]:
    """Ids of all statements found, over all pages."""
    found: list[str] = []
    answer = client.get("/statements", params=parameters)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [item["id"] for item in page["statements"]]
        if not page["more"]:
            return found
        answer = client.get(f"{client.base_url.scheme}://{client.base_url.netloc.decode()}{page['more']}")


def post(client: httpx.Client, *statements: dict[str, Any]) -> list[str]:
    answer = client.post("/statements", json=list(statements))
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def iri() -> str:
    return f"https://x.example/{uuid.uuid4()}"


def agent() -> dict[str, Any]:
    return {"mbox": f"mailto:{uuid.uuid4()}@x.example"}


def test_verb_activity_registration(client: httpx.Client) -> None:
    verb, activity, other, registration = iri(), iri(), iri(), str(uuid.uuid4())
    ids = post(
        client,
        statement(verb={"id": verb}, object={"id": activity}),
        statement(verb={"id": verb}, object={"id": other}, context={"registration": registration.upper()}),
        statement(object={"id": activity}, context={"contextActivities": {"parent": [{"id": other}]}}),
    )
    assert find(client, verb=verb) == [ids[1], ids[0]]
    assert find(client, activity=activity) == [ids[2], ids[0]]
    assert find(client, verb=verb, activity=activity) == [ids[0]]
    assert find(client, registration=registration) == [ids[1]]
    assert find(client, activity=other) == [ids[1]]
    assert find(client, activity=other, related_activities="true") == [ids[2], ids[1]]
    assert find(client, verb=iri()) == []


def test_agent_in_every_place(client: httpx.Client) -> None:
    who = agent()
    group = {"objectType": "Group", "member": [agent(), who]}
    sub = {"objectType": "SubStatement", "actor": who, "verb": {"id": iri()}, "object": {"id": iri()}}
    direct = post(
        client,
        statement(actor={**who, "name": "named here"}),
        statement(object={**who, "objectType": "Agent"}),
        statement(actor=group),
        statement(object=group),
    )
    related = post(
        client,
        statement(context={"instructor": who}),
        statement(context={"instructor": group}),
        statement(context={"team": group}),
        statement(object=sub),
    )
    post(client, statement(actor=agent()))
    wanted = json.dumps(who)
    assert find(client, agent=wanted) == direct[::-1]
    assert find(client, agent=wanted, related_agents="true") == [*related[::-1], *direct[::-1]]
    with httpx.Client(
        auth=client.auth, base_url=client.base_url, headers={"X-Experience-API-Version": "2.0.0"}
    ) as second:
        roles = [{"objectType": "contextAgent", "agent": who}]
        groups = [{"objectType": "contextGroup", "group": {**group}}]
        newer = post(
            second, statement(context={"contextAgents": roles}), statement(context={"contextGroups": groups})
        )
        assert find(second, agent=wanted, related_agents="true")[:2] == newer[::-1]


def test_agents_are_told_apart_by_identifier(client: httpx.Client) -> None:
    name = str(uuid.uuid4())
    people: list[dict[str, Any]] = [
        {"account": {"homePage": "https://a.example", "name": name}},
        {"account": {"homePage": "https://b.example", "name": name}},
        {"openid": f"https://a.example/{name}"},
        {"mbox_sha1sum": uuid.uuid4().hex + "00000000"},
        {"mbox": f"mailto:{name}@X.example"},
    ]
    ids = post(client, *(statement(actor=person) for person in people))
    for person, wanted in zip(people, ids, strict=True):
        assert find(client, agent=json.dumps(person)) == [wanted]
    assert find(client, agent=json.dumps({"mbox": f"mailto:{name}@x.example"})) == [ids[4]]


def test_since_is_exclusive_and_until_inclusive(client: httpx.Client) -> None:
    verb = {"id": iri()}
    ids = post(client, *(statement(verb=verb) for _ in range(4)))
    times = [client.get("/statements", params={"statementId": i}).json()["stored"] for i in ids]
    assert times == sorted(set(times))
    assert find(client, verb=verb["id"], since=times[1]) == [ids[3], ids[2]]
    assert find(client, verb=verb["id"], until=times[1]) == [ids[1], ids[0]]
    assert find(client, verb=verb["id"], since=times[0], until=times[2], ascending="true") == ids[1:3]
    assert find(client, verb=verb["id"], since=times[3]) == []
    assert find(client, since=times[0], until=times[2], ascending="true") == ids[1:3]


@pytest.mark.parametrize("ascending", ["true", "false"])
def test_a_walk_is_stable_while_statements_arrive(each_lrs: Lrs, ascending: str) -> None:
    lrs = each_lrs
    with lrs.client() as client:
        verb = {"id": iri()}
        ids = post(client, *(statement(verb=verb) for _ in range(25)))
        page = client.get(
            "/statements", params={"verb": verb["id"], "limit": 10, "ascending": ascending}
        ).json()
        found = [item["id"] for item in page["statements"]]
        post(client, *(statement(verb=verb) for _ in range(5)))
        lrs.stop()
        lrs.start()
        while page["more"]:
            page = client.get(f"{lrs.root}{page['more']}").json()
            found += [item["id"] for item in page["statements"]]
        assert found == (ids if ascending == "true" else ids[::-1])


def test_a_walk_over_everything_meets_each_once(each_lrs: Lrs) -> None:
    credentials.create(each_lrs.settings, name="east", tenant="east", key="east", secret="e")
    with each_lrs.client() as client, each_lrs.client(key="east", secret="e") as east:
        ids: list[str] = []
        for number in range(7):
            ids += post(client, *(statement() for _ in range(3)))
            post(east, *(statement() for _ in range(number)))
        assert find(client, limit=4) == ids[::-1]
        assert find(client, limit=4, ascending="true") == ids
        times = {i: client.get("/statements", params={"statementId": i}).json()["stored"] for i in ids}
        assert find(client, limit=2, since=times[ids[3]], until=times[ids[9]]) == ids[4:10][::-1]
        assert find(client, limit=2, since=times[ids[3]], ascending="true") == ids[4:]
        assert find(client, until="2000-01-01T00:00:00Z") == find(client, since="2100-01-01T00:00:00Z") == []


def test_voiding_before_and_after_its_target(client: httpx.Client) -> None:
    verb = {"id": iri()}
    first, second = statement(verb=verb), statement(verb=verb)
    voiding = [
        statement(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": s["id"]})
        for s in (first, second)
    ]
    post(client, first, voiding[1])
    post(client, voiding[0])
    post(client, second)
    for item in (first, second):
        assert client.get("/statements", params={"statementId": item["id"]}).status_code == 404
        answer = client.get("/statements", params={"voidedStatementId": item["id"]})
        assert answer.json()["id"] == item["id"]
    # Voided statements are not found, but what refers to them is, by the target's own terms.
    assert set(find(client, verb=verb["id"])) == {item["id"] for item in voiding}
    # A voiding statement cannot itself be voided.
    again = statement(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": voiding[0]["id"]})
    post(client, again)
    assert client.get("/statements", params={"statementId": voiding[0]["id"]}).status_code == 200
    assert client.get("/statements", params={"statementId": first["id"]}).status_code == 404


def test_references_are_found_by_their_targets_terms(client: httpx.Client) -> None:
    verb, who = {"id": iri()}, agent()
    target = statement(verb=verb, actor=who)

    def reference(to: dict[str, Any]) -> dict[str, Any]:
        return statement(object={"objectType": "StatementRef", "id": to["id"]})

    early = reference(target)
    on_early = reference(early)
    post(client, on_early)
    post(client, early)
    post(client, target)
    late = reference(target)
    on_late = reference(late)
    post(client, late, on_late)
    expected = [item["id"] for item in (on_late, late, target, early, on_early)]
    assert find(client, verb=verb["id"]) == expected
    assert find(client, agent=json.dumps(who), verb=verb["id"]) == expected
    assert (
        find(
            client,
            verb=verb["id"],
            limit=1,
            since=client.get("/statements", params={"statementId": target["id"]}).json()["stored"],
        )
        == expected[:2]
    )


def test_circles_of_references_end(client: httpx.Client) -> None:
    one, two = statement(), statement(verb={"id": iri()})
    one["object"] = {"objectType": "StatementRef", "id": two["id"]}
    two["object"] = {"objectType": "StatementRef", "id": one["id"]}
    post(client, one, two)
    assert set(find(client, verb=two["verb"]["id"])) == {one["id"], two["id"]}


def test_format_ids(client: httpx.Client) -> None:
    sent = statement(
        actor={"mbox": "mailto:a@x.example", "name": "A"},
        verb={"id": iri(), "display": {"en": "x"}},
        object={"id": iri(), "definition": {"name": {"en": "x"}}},
    )
    post(client, sent)
    answer = client.get("/statements", params={"statementId": sent["id"], "format": "ids"}).json()
    assert answer["actor"] == {"mbox": "mailto:a@x.example"}
    assert answer["verb"] == {"id": sent["verb"]["id"]}
    assert answer["object"] == {"id": sent["object"]["id"]}


@pytest.mark.parametrize(
    "parameters",
    [
        {"unknown": "1"},
        {"verb": "x"},
        {"agent": "{}"},
        {"agent": "x"},
        {"registration": "x"},
        {"since": "yesterday"},
        {"limit": "-1"},
        {"limit": "x"},
        {"ascending": "yes"},
        {"format": "pretty"},
        {"statementId": "x"},
        {"statementId": NOWHERE, "verb": "http://v.example/x"},
        {"statementId": NOWHERE, "voidedStatementId": NOWHERE},
        [("limit", "1"), ("limit", "2")],
    ],
    ids=str,
)
def test_wrong_parameters_are_refused(client: httpx.Client, parameters: Any) -> None:
    answer = client.get("/statements", params=parameters)
    assert answer.status_code == 400
    assert answer.json()["rule"]


def test_every_answer_has_version_and_consistent_through(client: httpx.Client) -> None:
    sent = statement()
    post(client, sent)
    stored = client.get("/statements", params={"statementId": sent["id"]}).json()["stored"]
    for answer in (
        client.post("/statements", json=sent),
        client.put("/statements", params={"statementId": sent["id"]}, json=sent),
        client.get("/statements"),
        client.get("/statements", params={"statementId": sent["id"]}),
        client.get("/statements", params={"unknown": 1}),
        client.get("/about"),
    ):
        assert answer.headers["X-Experience-API-Version"] == "1.0.3"
        assert answer.headers["X-Experience-API-Consistent-Through"] >= stored


@pytest.mark.parametrize(
    ("base", "named", "status", "answered"),
    [
        ("xapi", None, 400, "1.0.3"),
        ("xapi/2.0", None, 400, "2.0.0"),
        ("xapi", "1.0", 200, "1.0.3"),
        ("xapi", "1.0.2", 200, "1.0.3"),
        ("xapi", "2.0.0", 200, "2.0.0"),
        ("xapi/2.0", "2.0", 200, "2.0.0"),
        ("xapi/2.0", "1.0.1", 200, "1.0.3"),
        ("xapi", "0.95", 400, "1.0.3"),
        ("xapi", "1.1", 400, "1.0.3"),
        ("xapi/2.0", "3.0", 400, "2.0.0"),
    ],
)
def test_versions_at_both_paths(
    shared_lrs: Lrs, base: str, named: str | None, status: int, answered: str
) -> None:
    with shared_lrs.client(version=named) as client:
        answer = client.get(f"{shared_lrs.root}/{base}/statements")
        assert (answer.status_code, answer.headers["X-Experience-API-Version"]) == (status, answered)
        about = client.get(f"{shared_lrs.root}/{base}/about", headers={"Authorization": ""})
        assert about.status_code == 200
        assert about.json()["version"] == ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]


def test_tenants_never_meet(shared_lrs: Lrs, client: httpx.Client) -> None:
    credentials.create(shared_lrs.settings, name="east", tenant="east", key="east", secret="e")
    verb = {"id": iri()}
    mine, shared_id = statement(verb=verb), statement(verb=verb)
    post(client, mine, shared_id)
    with shared_lrs.client(key="east", secret="e") as east:
        assert find(east, verb=verb["id"]) == []
        assert east.get("/statements", params={"statementId": mine["id"]}).status_code == 404
        # The same id with another statement is no conflict in another tenant.
        theirs = {**shared_id, "verb": {"id": iri()}}
        assert post(east, theirs) == [shared_id["id"]]
        post(east, statement(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": mine["id"]}))
        more = client.get("/statements", params={"verb": verb["id"], "limit": 1}).json()["more"]
        assert east.get(f"{shared_lrs.root}{more}").status_code == 400
    assert client.get("/statements", params={"statementId": mine["id"]}).status_code == 200
    assert find(client, verb=verb["id"]) == [shared_id["id"], mine["id"]]


def test_credentials_open_only_what_their_scopes_say(shared_lrs: Lrs, client: httpx.Client) -> None:
    for scope in ("statements/write", "statements/read", "statements/read/mine", "all/read"):
        credentials.create(
            shared_lrs.settings, name=scope, key=scope.replace("/", "-"), secret="s", scopes=[scope]
        )
    credentials.create(
        shared_lrs.settings,
        name="both",
        key="both",
        secret="s",
        scopes=["statements/write", "statements/read/mine"],
    )
    verb = {"id": iri()}
    (others,) = post(client, statement(verb=verb))
    with shared_lrs.client(key="statements-write", secret="s") as writer:
        assert writer.get("/statements").status_code == 403
        assert writer.post("/statements", json=statement(verb=verb)).status_code == 200
    for key in ("statements-read", "all-read"):
        with shared_lrs.client(key=key, secret="s") as reader:
            assert reader.post("/statements", json=statement()).status_code == 403
            assert len(find(reader, verb=verb["id"])) == 2
    with shared_lrs.client(key="both", secret="s") as both:
        own = post(both, statement(verb=verb))
        assert find(both, verb=verb["id"]) == own
        assert both.get("/statements", params={"statementId": others}).status_code == 404


def test_wrong_and_revoked_credentials_are_refused(lrs: Lrs) -> None:
    credentials.create(lrs.settings, name="gone", key="gone", secret="s")
    for key, secret in (("lms", "wrong"), ("nobody", "x"), ("", "")):
        with lrs.client(key=key, secret=secret) as client:
            answer = client.get("/statements")
            assert (answer.status_code, answer.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    with lrs.client(key="gone", secret="s") as client:
        assert client.get("/statements").status_code == 200
        credentials.revoke(lrs.settings, "gone")
        # A verified secret is remembered for a second at most.
        import time

        time.sleep(1.2)
        assert client.get("/statements").status_code == 401
