"""Two tenants with the same ids, agents, activities, documents and files never meet, whatever the route; and who may use which route.

Both tables are held against the application's own list of resources: a route without a case fails.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from lrs import credentials
from lrs.app import BASES, OPEN_RESOURCES, RESOURCES
from lrs.credentials import SCOPES
from tests.lrs.served import Lrs, statement
from tests.lrs.test_resources import attachment, parts

ROUTES = [(path, method) for path, _, handlers in [*RESOURCES, *OPEN_RESOURCES] for method in handlers]
GUARDED = [(path, method) for path, _, handlers in RESOURCES for method in handlers]
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
NORTH, SOUTH = "marker-of-north", "marker-of-south"
"""Stands in everything that the tenant keeps, so that whatever escapes is seen."""


class Shared:
    """Names that both tenants use for things of their own."""

    def __init__(self) -> None:
        self.id, self.voided_id, self.registration = (str(uuid.uuid4()) for _ in range(3))
        self.verb, self.activity = (f"https://x.example/{uuid.uuid4()}" for _ in range(2))
        self.account = {"account": {"homePage": "https://x.example", "name": str(uuid.uuid4())}}
        self.agent = json.dumps(self.account)
        self.content = uuid.uuid4().bytes + NORTH.encode()

    def statement(self, marker: str, **changes: Any) -> dict[str, Any]:
        whole = {
            "id": self.id,
            "actor": {**self.account, "name": marker},
            "verb": {"id": self.verb, "display": {"en": marker}},
            "object": {"id": self.activity, "definition": {"name": {"en": marker}}},
            "context": {"registration": self.registration, "platform": marker},
        }
        return {**whole, **changes}

    def document(self, path: str, name: str = "d") -> dict[str, str]:
        return {
            "activities/state": {"activityId": self.activity, "agent": self.agent, "stateId": name},
            "activities/profile": {"activityId": self.activity, "profileId": name},
            "agents/profile": {"agent": self.agent, "profileId": name},
        }[path]


def fill(client: httpx.Client, shared: Shared, marker: str) -> str:
    """Everything there is to keep, under the shared names; an address of more."""
    reference = {"objectType": "StatementRef", "id": shared.voided_id}
    # South describes north's file without sending its bytes: knowing a hash opens nothing.
    file = attachment(shared.content, display={"en": marker}, fileUrl="https://x.example/f")
    first = shared.statement(marker, attachments=[file])
    bodies = (shared.content,) if marker == NORTH else ()
    answer = client.post("/statements", **parts(first, *bodies))
    assert answer.status_code == 200, answer.text
    client.post("/statements", json=shared.statement(marker, id=shared.voided_id)).raise_for_status()
    if marker == NORTH:
        voiding = statement(verb={"id": VOIDED}, object=reference)
        client.post("/statements", json=voiding).raise_for_status()
    client.post("/statements", json=shared.statement(marker, id=str(uuid.uuid4()))).raise_for_status()
    for path in ("activities/state", "activities/profile", "agents/profile"):
        for name in ("d", marker):
            client.post(f"/{path}", params=shared.document(path, name), json={marker: 1}).raise_for_status()
    return str(client.get("/statements", params={"limit": 1}).json()["more"])


class Pair:
    """Both tenants filled. `north` is looked at as a whole, before and after what south does."""

    def __init__(self, north: httpx.Client, south: httpx.Client) -> None:
        self.north, self.south, self.shared = north, south, Shared()
        self.more_north = fill(north, self.shared, NORTH)
        self.more_south = fill(south, self.shared, SOUTH)

    def all_of_north(self) -> list[tuple[int, bytes]]:
        shared, seen = self.shared, []
        questions: list[tuple[str, dict[str, str]]] = [
            ("/statements", {"limit": "1000"}),
            ("/statements", {"agent": shared.agent, "related_agents": "true"}),
            ("/statements", {"voidedStatementId": shared.voided_id}),
            ("/activities", {"activityId": shared.activity}),
            ("/agents", {"agent": shared.agent}),
        ]
        for path in ("activities/state", "activities/profile", "agents/profile"):
            questions += [(f"/{path}", shared.document(path, name)) for name in ("d", NORTH, SOUTH)]
        for path, parameters in questions:
            answer = self.north.get(path, params=parameters)
            seen.append((answer.status_code, answer.content))
        return seen


@pytest.fixture
def pair(shared_lrs: Lrs) -> Iterator[Pair]:
    unique = uuid.uuid4().hex[:8]
    for tenant in ("north", "south"):
        key = f"{tenant}-{unique}"
        credentials.create(shared_lrs.settings, name="lms", tenant=key, key=key, secret="s")
    north, south = (shared_lrs.client(key=f"{tenant}-{unique}", secret="s") for tenant in ("north", "south"))
    with north, south:
        yield Pair(north, south)


Answers = Iterator[tuple[httpx.Response, set[int]]]
CASES: dict[tuple[str, str], Callable[[Pair, str], Answers]] = {}
"""What south asks on a route, and the statuses that are right. `base` is the path of the version."""


def case(*routes: tuple[str, str]) -> Callable[[Callable[[Pair, str], Answers]], None]:
    def register(questions: Callable[[Pair, str], Answers]) -> None:
        for route in routes:
            CASES[route] = questions

    return register


@case(("statements", "GET"))
def get_statements(pair: Pair, base: str) -> Answers:
    shared = pair.shared
    searches: list[dict[str, str]] = [
        {},
        {"statementId": shared.id},
        {"statementId": shared.voided_id},
        {"agent": shared.agent},
        {"agent": shared.agent, "related_agents": "true"},
        {"verb": shared.verb},
        {"activity": shared.activity},
        {"activity": shared.activity, "related_activities": "true", "ascending": "true"},
        {"registration": shared.registration, "since": "2000-01-01T00:00:00Z"},
    ]
    for search in searches:
        for form in ("exact", "canonical"):
            for attachments in ("true", "false"):
                parameters = {**search, "format": form, "attachments": attachments}
                answer = pair.south.get(f"{base}/statements", params=parameters)
                assert SOUTH in answer.text
                yield answer, {200}
        yield pair.south.get(f"{base}/statements", params={**search, "format": "ids"}), {200}
    yield pair.south.get(f"{base}/statements", params={"voidedStatementId": shared.voided_id}), {404}


@case(("statements", "PUT"))
def put_statements(pair: Pair, base: str) -> Answers:
    shared = pair.shared
    url, named = f"{base}/statements", {"statementId": shared.id}
    yield pair.south.put(url, params=named, json=shared.statement(SOUTH)), {204}
    yield pair.south.put(url, params=named, json=shared.statement(NORTH)), {409}
    other = pair.north.get(pair.more_north.replace("/xapi", "", 1)).json()["statements"][0]["id"]
    named = {"statementId": other}
    yield pair.south.put(url, params=named, json=shared.statement(SOUTH, id=other)), {204}


@case(("statements", "POST"))
def post_statements(pair: Pair, base: str) -> Answers:
    shared = pair.shared
    yield pair.south.post(f"{base}/statements", json=[shared.statement(NORTH)]), {409}
    for verb in (VOIDED, shared.verb):
        thing = {"objectType": "StatementRef", "id": shared.id}
        yield (
            pair.south.post(f"{base}/statements", json=statement(verb={"id": verb}, object=thing)),
            {200},
        )


@case(("statements/more/{token}", "GET"))
def get_more(pair: Pair, base: str) -> Answers:
    for link, statuses in ((pair.more_south, {200}), (pair.more_north, {400})):
        yield pair.south.get(base + link.removeprefix("/xapi")), statuses


@case(*((path, "GET") for path in ("activities/state", "activities/profile", "agents/profile")))
def get_documents(pair: Pair, base: str) -> Answers:
    for path in ("activities/state", "activities/profile", "agents/profile"):
        one = pair.shared.document(path)
        answer = pair.south.get(f"{base}/{path}", params=one)
        assert answer.json() == {SOUTH: 1}
        yield answer, {200}
        yield pair.south.get(f"{base}/{path}", params=pair.shared.document(path, NORTH)), {404}
        everything = {key: value for key, value in one.items() if value != "d"}
        answer = pair.south.get(f"{base}/{path}", params=everything)
        assert answer.json() == ["d", SOUTH]
        yield answer, {200}


@case(
    *((p, m) for p in ("activities/state", "activities/profile", "agents/profile") for m in ("PUT", "POST"))
)
def write_documents(pair: Pair, base: str) -> Answers:
    for path in ("activities/state", "activities/profile", "agents/profile"):
        for name in ("d", NORTH, "new"):
            where, kind = pair.shared.document(path, name), {"Content-Type": "application/json"}
            yield pair.south.post(f"{base}/{path}", params=where, json={"theirs": 1}), {204}
            tag = {"If-Match": pair.south.get(f"/{path}", params=where).headers["ETag"], **kind}
            yield pair.south.put(f"{base}/{path}", params=where, json={"x": 1}, headers=tag), {204}


@case(*((path, "DELETE") for path in ("activities/state", "activities/profile", "agents/profile")))
def delete_documents(pair: Pair, base: str) -> Answers:
    for path in ("activities/state", "activities/profile", "agents/profile"):
        one = pair.shared.document(path)
        yield pair.south.delete(f"{base}/{path}", params=one), {204}
        yield pair.south.delete(f"{base}/{path}", params=pair.shared.document(path, NORTH)), {204}
        everything = {key: value for key, value in one.items() if value != "d"}
        allowed = {204} if path == "activities/state" else {400}
        yield pair.south.delete(f"{base}/{path}", params=everything), allowed


@case(("activities", "GET"))
def get_activities(pair: Pair, base: str) -> Answers:
    answer = pair.south.get(f"{base}/activities", params={"activityId": pair.shared.activity})
    assert answer.json()["definition"]["name"] == {"en": SOUTH}
    yield answer, {200}


@case(("agents", "GET"))
def get_agents(pair: Pair, base: str) -> Answers:
    answer = pair.south.get(f"{base}/agents", params={"agent": pair.shared.agent})
    assert answer.json()["name"] == [SOUTH]
    yield answer, {200}


@case(("about", "GET"))
def get_about(pair: Pair, base: str) -> Answers:
    yield pair.south.get(f"{base}/about"), {200}


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_tenants_never_meet(pair: Pair, shared_lrs: Lrs, route: tuple[str, str], base: str) -> None:
    before = pair.all_of_north()
    assert all(status in (200, 404) for status, _ in before)
    seen = 0
    for answer, statuses in CASES[route](pair, shared_lrs.root + base):
        assert answer.status_code in statuses, (answer.request.method, answer.request.url, answer.text)
        assert NORTH not in answer.text and NORTH not in str(answer.headers), answer.request.url
        seen += 1
    assert seen
    assert pair.all_of_north() == before


def test_pages_for_operators_name_no_tenant(pair: Pair, shared_lrs: Lrs) -> None:
    for page in ("health", "ready", "metrics"):
        text = httpx.get(f"{shared_lrs.root}/{page}").text
        sha2 = hashlib.sha256(pair.shared.content).hexdigest()
        for secret in (NORTH, SOUTH, pair.shared.id, pair.shared.activity, sha2, "north-", "south-"):
            assert secret not in text


STATEMENTS_READ = {"all/read", "statements/read", "statements/read/mine"}
OPENED_BY: dict[tuple[str, str], set[str]] = {
    ("statements", "GET"): STATEMENTS_READ,
    ("statements", "PUT"): {"statements/write"},
    ("statements", "POST"): {"statements/write"},
    ("statements/more/{token}", "GET"): STATEMENTS_READ,
    ("activities/state", "GET"): {"state", "all/read"},
    ("activities/state", "PUT"): {"state"},
    ("activities/state", "POST"): {"state"},
    ("activities/state", "DELETE"): {"state"},
    ("activities/profile", "GET"): {"profile", "all/read"},
    ("activities/profile", "PUT"): {"profile"},
    ("activities/profile", "POST"): {"profile"},
    ("activities/profile", "DELETE"): {"profile"},
    ("agents/profile", "GET"): {"profile", "all/read"},
    ("agents/profile", "PUT"): {"profile"},
    ("agents/profile", "POST"): {"profile"},
    ("agents/profile", "DELETE"): {"profile"},
    ("activities", "GET"): {"all/read", "statements/read", "profile"},
    ("agents", "GET"): {"all/read", "statements/read", "profile"},
}
"""Scopes that open a route beside `all`. 403 comes before anything else of the request is looked at."""


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_opens_its_routes_and_no_other(shared_lrs: Lrs, scope: str) -> None:
    key = f"scope-{uuid.uuid4()}"
    credentials.create(shared_lrs.settings, name=key, key=key, secret="s", scopes=[scope])
    with shared_lrs.client(key=key, secret="s") as client:
        for path, method in GUARDED:
            for asked in {method, "HEAD" if method == "GET" else method}:
                for base in BASES:
                    answer = client.request(asked, f"{shared_lrs.root}{base}/{path}")
                    is_open = scope == "all" or scope in OPENED_BY[path, method]
                    assert (answer.status_code != 403) == is_open, (asked, path, answer.text)
                    assert answer.status_code < 500


def test_no_route_opens_without_a_credential(shared_lrs: Lrs) -> None:
    asked = {"X-Experience-API-Version": "1.0.3"}
    key = uuid.uuid4().hex
    credentials.create(shared_lrs.settings, name=key, key=key, secret="s")
    with httpx.Client(base_url=shared_lrs.root, headers=asked, verify=False) as client:
        for path, method in GUARDED:
            for base in BASES:
                for auth in (None, (key, "wrong")):
                    answer = client.request(method, f"{base}/{path}", auth=auth)
                    assert answer.status_code in (401, 429), (method, path)
                    assert answer.status_code == 429 or answer.headers["WWW-Authenticate"]


def test_both_tables_hold_every_route() -> None:
    assert set(CASES) == set(ROUTES)
    assert set(OPENED_BY) == set(GUARDED)
