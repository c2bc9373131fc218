"""The LRS behind an OpenID provider: tokens open what their claims say, as the authority that they name, in their own tenant."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from learnlake.settings import get_settings
from lrs import credentials
from tests.lrs.conftest import BACKENDS, use_backend
from tests.lrs.served import Lrs, serving, statement
from tests.oidc_provider import Provider, provider

SCOPES = "statements/write statements/read statements/read/mine state profile"
EVERYTHING = "statements/write statements/read"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module", params=BACKENDS)
def lrs(
    request: pytest.FixtureRequest,
    issuer: Provider,
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
) -> Iterator[Lrs]:
    """An LRS that accepts tokens of `issuer`, their tenant in the claim `school`."""
    with contextlib.ExitStack() as stack:
        # The environment is this LRS's only while it starts: other tests have theirs.
        with pytest.MonkeyPatch.context() as patch:
            folder = tmp_path_factory.mktemp("lrs")
            patch.setenv("LEARNLAKE_HOME", str(folder))
            patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
            patch.setenv("LEARNLAKE_BEARER_ISSUER", issuer.issuer)
            patch.setenv("LEARNLAKE_BEARER_TENANT_CLAIM", "school")
            patch.setenv("LEARNLAKE_BEARER_SCOPES_ALLOWED", SCOPES)
            patch.setenv("LEARNLAKE_BEARER_REFETCH_SECONDS", "0")
            use_backend(request.param, patch, request)
            settings = get_settings()
            settings.home.create()
            lrs = stack.enter_context(serving(settings, free_port()))
        get_settings.cache_clear()
        yield lrs


def client_of(lrs: Lrs, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}", "X-Experience-API-Version": "1.0.3"}
    return httpx.Client(base_url=lrs.url, headers=headers, timeout=30, trust_env=False)


def token_of(issuer: Provider, **claims: Any) -> str:
    return issuer.mint(**{"school": "north", "scope": EVERYTHING, **claims})


def test_a_logged_in_persons_token_stores_as_that_person(lrs: Lrs, issuer: Provider) -> None:
    issuer.add_user("ada", school="north", scope="statements/write statements/read/mine")
    with client_of(lrs, issuer.log_in("ada")["access_token"]) as client:
        sent = statement()
        client.post("/statements", json=sent).raise_for_status()
        found = client.get("/statements", params={"statementId": sent["id"]}).json()
        account = {"homePage": issuer.issuer, "name": "ada"}
        assert found["authority"] == {"objectType": "Agent", "account": account}


def test_mine_is_what_this_authority_stored_with_whatever_token(lrs: Lrs, issuer: Provider) -> None:
    sent = {}
    for name in ("ada", "ben"):
        sent[name] = statement()
        with client_of(lrs, token_of(issuer, sub=name)) as client:
            client.post("/statements", json=sent[name]).raise_for_status()
    later = token_of(issuer, sub="ada", scope="statements/read/mine", jti="2")
    with client_of(lrs, later) as client:
        found = {item["id"] for item in client.get("/statements").json()["statements"]}
        assert sent["ada"]["id"] in found and sent["ben"]["id"] not in found
        assert client.get("/statements", params={"statementId": sent["ben"]["id"]}).status_code == 404
        assert client.post("/statements", json=statement()).status_code == 403


def test_tenants_of_tokens_never_meet(lrs: Lrs, issuer: Provider) -> None:
    sent = statement()
    with client_of(lrs, token_of(issuer)) as north, client_of(lrs, token_of(issuer, school="south")) as south:
        north.post("/statements", json=sent).raise_for_status()
        assert south.get("/statements", params={"statementId": sent["id"]}).status_code == 404
        south.post("/statements", json=sent).raise_for_status()
    with lrs.client() as default:
        assert default.get("/statements", params={"statementId": sent["id"]}).status_code == 404


@pytest.mark.parametrize(
    ("scope", "read", "write", "state"),
    [
        (None, 403, 403, 403),
        ("", 403, 403, 403),
        ("all", 403, 403, 403),
        ("all/read define", 403, 403, 403),
        ("statements/read", 200, 403, 403),
        ("statements/write everything", 403, 200, 403),
        (["state"], 403, 403, 200),
    ],
)
def test_scopes_open_what_the_settings_allow(
    lrs: Lrs, issuer: Provider, scope: object, read: int, write: int, state: int
) -> None:
    where = {"activityId": "https://x.example/a", "agent": '{"mbox":"mailto:a@x.example"}'}
    with client_of(lrs, token_of(issuer, scope=scope, sub=str(uuid.uuid4()))) as client:
        assert client.get("/statements").status_code == read
        assert client.post("/statements", json=statement()).status_code == write
        assert client.get("/activities/state", params=where).status_code == state


@pytest.mark.parametrize(
    "changes", [{"exp": 1}, {"aud": "other"}, {"school": None}, {"school": "No Tenant"}, {"sub": None}]
)
def test_a_wrong_token_is_challenged(lrs: Lrs, issuer: Provider, changes: dict[str, Any]) -> None:
    with client_of(lrs, token_of(issuer, **changes)) as client:
        answer = client.get("/statements")
    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Basic realm="xAPI"')
    assert 'Bearer realm="xAPI", error="invalid_token", error_description="' in challenge
    assert "X-Experience-API-Version" in answer.headers


def test_without_any_credential_both_ways_are_named(lrs: Lrs) -> None:
    answer = httpx.get(f"{lrs.url}/statements", headers={"X-Experience-API-Version": "1.0.3"})
    challenge = 'Basic realm="xAPI", charset="UTF-8", Bearer realm="xAPI"'
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)


def test_an_authority_that_was_revoked_stays_out(lrs: Lrs, issuer: Provider) -> None:
    name = str(uuid.uuid4())
    with client_of(lrs, token_of(issuer, sub=name)) as client:
        assert client.get("/statements").status_code == 200
        (mine,) = [item for item in credentials.list_(lrs.settings) if item.name == name]
        assert (mine.issuer, mine.tenant, mine.secret) == (issuer.issuer, "north", None)
        # What stands in the place of its key is no key.
        for secret in ("", "x"):
            assert client.get("/statements", auth=(mine.key, secret)).status_code == 401
        credentials.revoke(lrs.settings, mine.key)
    with client_of(lrs, token_of(issuer, sub=name, jti="2")) as client:
        assert client.get("/statements").status_code == 401


def test_rotated_keys_are_taken_up(lrs: Lrs, issuer: Provider) -> None:
    old = token_of(issuer, jti="old")
    issuer.rotate()
    with client_of(lrs, token_of(issuer)) as client:
        assert client.get("/statements").status_code == 200
    with client_of(lrs, old) as client:
        assert client.get("/statements").status_code == 401
