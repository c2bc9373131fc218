"""The API behind an OpenID provider: a token reads as the person it was given to, if that person is known here and it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from learnlake.settings import Settings
from people import accounts, external
from people.db import open_people
from people.external import Proof
from tests.api.test_api import PASSWORD, log_in, served
from tests.oidc_provider import Provider, provider
from tests.warehouse import school

SCOPES = "records/read statements/write"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def api(
    issuer: Provider, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[httpx.Client]:
    """An API over the small school. tess and adi have logged in with the provider before; adi as administrator owes a second factor."""
    home: Path = tmp_path_factory.mktemp("api")
    settings = Settings(LEARNLAKE_HOME=home, api_port=free_port())  # type: ignore[call-arg]
    settings.home.create()
    engine = open_people(settings)
    school.enrol(engine)
    for name in ("tess", "pia", "adi"):
        made = accounts.create(
            engine, tenant=school.TENANT, login=name, password=PASSWORD, person_key=school.key(name)
        )
        if name != "pia":
            proof = Proof(school.TENANT, issuer.issuer, f"subject of {name}", "oidc:school", email=made.login)
            external.account_for(engine, proof, may_create=False, source="test")
    engine.dispose()
    school.publish(settings.home)
    with served(
        settings,
        LEARNLAKE_BEARER_ISSUER=issuer.issuer,
        LEARNLAKE_BEARER_TENANT=school.TENANT,
        LEARNLAKE_BEARER_SCOPES_ALLOWED=SCOPES,
        LEARNLAKE_SECOND_FACTOR_ROLES='["administrator"]',
    ) as client:
        yield client


def ask(api: httpx.Client, token: str, path: str = "/v1/me") -> httpx.Response:
    return api.get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_token_reads_as_the_person_it_was_given_to(api: httpx.Client, issuer: Provider) -> None:
    token = issuer.mint(sub="subject of tess", scope=SCOPES)
    me = ask(api, token).json()
    assert (me["login"], me["tenant"], me["role"]) == ("tess", school.TENANT, "teacher")
    rows = ask(api, token, "/v1/marts/msr_student_week?format=csv")
    assert rows.status_code == 200
    with_session = api.get("/v1/marts/msr_student_week?format=csv", headers=log_in(api, "tess"))
    assert rows.text == with_session.text


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"scope": "statements/write"}, 403),
        ({"scope": None}, 403),
        ({"sub": "subject of pia"}, 401),
        ({"sub": "subject of adi"}, 401),
        ({"sub": "tess"}, 401),
        ({"exp": 1}, 401),
        ({"aud": "other"}, 401),
    ],
)
def test_every_other_token_reads_nothing(
    api: httpx.Client, issuer: Provider, changes: dict[str, Any], status: int
) -> None:
    token = issuer.mint(**{"sub": "subject of tess", "scope": SCOPES, **changes})
    assert ask(api, token).status_code == status
    assert ask(api, token, "/v1/marts/msr_student_week").status_code == status
