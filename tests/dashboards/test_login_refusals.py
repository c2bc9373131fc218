"""Log-ins that cannot be judged or come too often: a page that says what to do, never a bare 500. In process, over ASGI."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboards import login
from learnlake.settings import get_settings
from learnlake.throttle import Addresses
from people import accounts, second_factor
from people.db import open_people

PASSWORD = "correct horse battery"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("LEARNLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEARNLAKE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("LEARNLAKE_GUESSES_PER_ADDRESS", "3")
    login._addresses.cache_clear()
    get_settings.cache_clear()
    get_settings().home.create()
    engine = open_people(get_settings())
    for name in ("ada", "ben"):
        accounts.create(
            engine, tenant="t", login=name, password=PASSWORD, role_names=["teacher"], given_name=name
        )
    with TestClient(Starlette(routes=login.ROUTES), follow_redirects=False) as client:
        yield client
    engine.dispose()
    login._addresses.cache_clear()
    get_settings.cache_clear()


def send(client: TestClient, path: str, **fields: str):
    page = client.get("/login" if path == "/auth/login" else path).text
    token = re.search(r'name="form_token" value="([^"]+)"', page)
    assert token
    return client.post(path, data={**fields, "form_token": token[1]})


def test_an_address_that_guesses_waits_and_nobody_who_was_right_there_does(client: TestClient) -> None:
    assert send(client, "/auth/login", login="ada", password=PASSWORD).status_code == 303
    client.cookies.clear()
    for number in range(3):
        assert send(client, "/auth/login", login=f"x{number}", password="wrong").status_code == 401
    refused = send(client, "/auth/login", login="ben", password=PASSWORD)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
    assert "Too many wrong passwords came from your network" in refused.text
    client.cookies.clear()
    assert send(client, "/auth/login", login="ada", password=PASSWORD).status_code == 303


def test_whoever_was_right_and_guesses_now_waits_too() -> None:
    addresses = Addresses(free=2)
    addresses.right("10.0.0.1", "ada")
    for _ in range(2):
        addresses.wrong("10.0.0.1", "ada")
    assert addresses.wait("10.0.0.1", "ada") > 0
    assert addresses.wait("10.0.0.2", "ada") == 0


def test_a_directory_without_its_package_says_what_to_install(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = {
        "name": "school",
        "url": "ldaps://ldap.test",
        "tenant": "t",
        "search_base": "dc=school",
        "user_dn": "uid={login},ou=people,dc=school",
    }
    monkeypatch.setenv("LEARNLAKE_LDAP", json.dumps(directory))
    monkeypatch.setitem(sys.modules, "ldap3", None)
    get_settings.cache_clear()
    answer = send(client, "/auth/login", login="somebody", password="anything")
    assert answer.status_code == 503 and "learnlake[ldap]" in answer.text
    assert send(client, "/auth/login", login="ada", password=PASSWORD).status_code == 303


def test_a_lost_key_of_second_factors_says_who_helps(client: TestClient) -> None:
    settings = get_settings()
    engine = open_people(settings)
    known = accounts.get(engine, "ada")
    app = pyotp.TOTP(second_factor.begin(engine, known).secret)
    second_factor.confirm(engine, known, app.now(), source="test")
    (settings.home.secrets / "second-factor").unlink()
    assert send(client, "/auth/login", login="ada", password=PASSWORD).headers["location"] == "/login/code"
    answer = send(client, "/login/code", code=app.now())
    assert answer.status_code == 503
    assert "an administrator takes it off" in answer.text
    second_factor.remove(engine, known, source="test")
    client.cookies.clear()
    assert send(client, "/auth/login", login="ada", password=PASSWORD).headers["location"] == "/"
    begun = second_factor.begin(engine, known).secret
    (settings.home.secrets / "second-factor").unlink()
    assert second_factor.begin(engine, known).secret != begun, "what nobody relies on yet is begun anew"
    engine.dispose()
