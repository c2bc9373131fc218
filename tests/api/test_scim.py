"""SCIM 2.0 over the application's own routes: an identity provider brings accounts in, changes and ends them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.app import create_app
from learnlake.settings import Settings
from people import accounts, roster_clients, sessions
from people.db import open_people
from tests.people.imports import import_into, person_keys
from tests.people.rosters import HOME_PAGE, small_school

PASSWORD = "correct horse battery"


@pytest.fixture
def engine(settings: Settings, tmp_path: Path) -> Iterator[Engine]:
    engine = open_people(settings)
    import_into(settings, small_school(), tmp_path / "r")
    yield engine
    engine.dispose()


@pytest.fixture
def scim(settings: Settings, engine: Engine) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers=_bearer(engine, "accounts")) as client:
        yield client


def _bearer(engine: Engine, scope: str) -> dict[str, str]:
    made, secret = roster_clients.create(engine, tenant="t", home_page=HOME_PAGE, name="IdP", scopes=[scope])
    token, _ = roster_clients.issue_token(engine, made.client_id, secret, ())
    return {"Authorization": f"Bearer {token}"}


def _created(scim: TestClient, **body: Any) -> dict[str, Any]:
    answer = scim.post(
        "/scim/v2/Users", json={"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], **body}
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"] == "application/scim+json"
    return answer.json()


def test_a_user_of_the_roster_is_brought_in_found_and_ended(scim: TestClient, engine: Engine) -> None:
    made = _created(scim, userName="ann@school.example", externalId="t-a", active=True)
    assert (made["active"], made["externalId"], made["roles"]) == (True, "t-a", [{"value": "teacher"}])
    assert accounts.get(engine, "ann@school.example").person_key == person_keys(engine)["t-a"]
    for text in ('userName eq "ann@school.example"', 'externalId eq "t-a"'):
        found = scim.get("/scim/v2/Users", params={"filter": text}).json()
        assert (found["totalResults"], found["Resources"][0]["id"]) == (1, made["id"])
    accounts.set_password(engine, accounts.get(engine, "ann@school.example"), PASSWORD)
    token = sessions.log_in(engine, "ann@school.example", PASSWORD, "127.0.0.1")
    off = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    assert scim.patch(f"/scim/v2/Users/{made['id']}", json=off).json()["active"] is False
    assert sessions.viewer(engine, token) is None
    on = {"Operations": [{"op": "replace", "value": {"active": True}}]}
    assert scim.patch(f"/scim/v2/Users/{made['id']}", json=on).json()["active"] is True
    token = sessions.log_in(engine, "ann@school.example", PASSWORD, "127.0.0.1")
    assert scim.delete(f"/scim/v2/Users/{made['id']}").status_code == 204
    assert sessions.viewer(engine, token) is None
    assert scim.get(f"/scim/v2/Users/{made['id']}").json()["active"] is False


def test_a_person_whom_no_roster_knows(scim: TestClient, engine: Engine) -> None:
    name = {"givenName": "Nia", "familyName": "New"}
    made = _created(scim, userName="nia", roles=[{"value": "teacher"}], name=name)
    assert "name" not in made
    changed = {"Operations": [{"op": "replace", "path": "roles", "value": [{"value": "analyst"}]}]}
    assert scim.patch(f"/scim/v2/Users/{made['id']}", json=changed).json()["roles"] == [{"value": "analyst"}]
    assert accounts.held_roles(engine, "nia") == ("analyst",)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"userName": "taken", "roles": ["analyst"]}, 409, "uniqueness"),
        ({"userName": "x"}, 400, "invalidValue"),
        ({"userName": "x", "externalId": "nobody"}, 400, "invalidValue"),
        ({"userName": 7}, 400, "invalidValue"),
        ({"roles": ["analyst"]}, 400, "invalidValue"),
        ({"userName": "x", "roles": "analyst"}, 400, "invalidValue"),
        ({"userName": "x", "roles": ["administrator"]}, 403, None),
        (["x"], 400, "invalidSyntax"),
    ],
)
def test_what_cannot_be_is_refused_in_scims_words(
    scim: TestClient, engine: Engine, body: Any, status: int, kind: str | None
) -> None:
    accounts.create(engine, tenant="t", login="taken", password=None, role_names=["analyst"])
    answer = scim.post("/scim/v2/Users", json=body)
    told = answer.json()
    assert (answer.status_code, told["status"], told.get("scimType")) == (status, str(status), kind)
    assert told["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert [known.login for known in accounts.list_accounts(engine)] == ["taken"]


def test_only_a_client_with_the_scope_and_only_its_tenant(scim: TestClient, engine: Engine) -> None:
    other = accounts.create(engine, tenant="u", login="other", password=None, role_names=["analyst"])
    assert scim.get("/scim/v2/Users").json()["totalResults"] == 0
    for method in ("GET", "DELETE"):
        assert scim.request(method, f"/scim/v2/Users/{other.account_id}").status_code == 404
    assert not accounts.get(engine, "other").is_disabled
    for headers, status in (
        (_bearer(engine, "roster-core.readonly"), 403),
        ({"Authorization": "Bearer x"}, 401),
    ):
        for method, path in (
            ("GET", "/scim/v2/Users"),
            ("POST", "/scim/v2/Users"),
            ("DELETE", "/scim/v2/Users/1"),
        ):
            assert scim.request(method, path, headers=headers).status_code == status
    reader = _bearer(engine, "accounts")
    assert scim.get("/oneroster/ims/oneroster/rostering/v1p2/users", headers=reader).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/scim/v2/Users?filter=emails%20pr", 400),
        ("/scim/v2/Users?count=many", 400),
        ("/scim/v2/Users/none", 404),
        ("/scim/v2/ServiceProviderConfig", 200),
        ("/scim/v2/Users?startIndex=0&count=0", 200),
    ],
)
def test_reading(scim: TestClient, path: str, status: int) -> None:
    assert scim.get(path).status_code == status
