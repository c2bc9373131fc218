"""The API over a real server process: log in, read one's own rows in each format, be refused the others', log out."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest

from learnlake.settings import Settings
from people import accounts
from people.db import open_people
from tests.warehouse import school

PASSWORD = "correct horse battery"
NAMES = ("ada", "tess", "pia", "adi", "ana")
ROOT = Path(__file__).resolve().parents[2]
SERVE = "from learnlake.settings import get_settings; from api.server import serve; serve(get_settings())"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def api(home: Path, free_port: Callable[[], int]) -> Iterator[httpx.Client]:
    """A client of a served API: first without anything published, then (test by test) over the small school."""
    settings = Settings(LEARNLAKE_HOME=home, api_port=free_port())  # type: ignore[call-arg]
    settings.home.create()
    engine = open_people(settings)
    school.enrol(engine)
    for name in NAMES:
        accounts.create(
            engine, tenant=school.TENANT, login=name, password=PASSWORD, person_key=school.key(name)
        )
    engine.dispose()
    with served(settings, LEARNLAKE_BODY_TIMEOUT_SECONDS="2") as client:
        assert client.get("/ready").status_code == 503
        school.publish(settings.home)
        yield client


@contextlib.contextmanager
def served(settings: Settings, **more: str) -> Iterator[httpx.Client]:
    """A client of an API of its own process on the settings' home and port; it must end well."""
    environment = {
        "LEARNLAKE_HOME": str(settings.home.path),
        "LEARNLAKE_CONFIG": "/nonexistent",
        "LEARNLAKE_API_PORT": str(settings.api_port),
        **more,
    }
    process = subprocess.Popen([sys.executable, "-c", SERVE], cwd=ROOT, env={**os.environ, **environment})
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{settings.api_port}", trust_env=False, timeout=30
        ) as client:
            _wait(client)
            yield client
    finally:
        process.terminate()
        assert process.wait(30) == 0


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if client.get("/health").is_success:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the API did not start"
        time.sleep(0.1)


def log_in(api: httpx.Client, name: str) -> dict[str, str]:
    answer = api.post("/v1/session", json={"login": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_ready_names_the_build(api: httpx.Client) -> None:
    assert api.get("/ready").json()["build"]["as_of"] == "2026-11-20"


def test_log_in_me_and_log_out(api: httpx.Client) -> None:
    token = log_in(api, "tess")
    me = api.get("/v1/me", headers=token).json()
    assert (me["login"], me["tenant"], me["role"]) == ("tess", "t", "teacher")
    assert api.delete("/v1/session", headers=token).status_code == 204
    assert api.get("/v1/me", headers=token).status_code == 401
    assert api.get("/v1/marts/msr_student_week", headers=token).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"login": 1}',
        b'{"login":"a","password":"b","role":"administrator"}',
    ],
)
def test_a_body_that_is_no_log_in_is_refused(api: httpx.Client, body: bytes) -> None:
    assert api.post("/v1/session", content=body).status_code == 400


def test_a_body_that_is_too_large_is_refused_before_it_is_read(api: httpx.Client) -> None:
    for path in ("/v1/session", "/oneroster/token", "/v1/nowhere"):
        refused = api.post(path, content=b"x" * 100_000)
        assert (refused.status_code, refused.headers["Connection"]) == (413, "close"), path


def test_a_body_that_drips_is_let_go(api: httpx.Client) -> None:
    with socket.create_connection((api.base_url.host, api.base_url.port or 0)) as sock:
        sock.settimeout(30)
        sock.sendall(b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert sock.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(api: httpx.Client) -> None:
    wrong = [
        api.post("/v1/session", json={"login": n, "password": "wrong wrong wrong"}) for n in ("ada", "nobody")
    ]
    assert {a.status_code for a in wrong} == {401}
    assert wrong[0].json() == wrong[1].json()


@pytest.mark.parametrize(
    ("name", "mart", "people"),
    [
        ("ada", "msr_student_week", {"ada"}),
        ("tess", "msr_student_week", {"ada", "ben"}),
        ("pia", "msr_student_week", {"ada", "ben", "cem"}),
        ("ana", "msr_student_week", {"ada", "ben", "cem", "dua"}),
        ("adi", "msr_student_week", None),
        ("ada", "qc_check", None),
        ("ana", "fct_new_and_without_rule", None),
        ("ana", "no_such_table", None),
        ("ana", 'dim_person"; select 1; --', None),
    ],
)
def test_each_sees_their_own_rows(api: httpx.Client, name: str, mart: str, people: set[str] | None) -> None:
    answer = api.get(f"/v1/marts/{mart}", headers=log_in(api, name))
    if people is None:
        assert answer.status_code == 403
        return
    assert {row["person_key"] for row in answer.json()} == {school.key(p) for p in people}


def test_formats_agree_and_a_limit_is_told(api: httpx.Client, home: Path) -> None:
    token = log_in(api, "tess")
    read = {
        form: api.get(f"/v1/marts/msr_student_week?format={form}", headers=token)
        for form in ("json", "csv", "parquet")
    }
    frames = {
        "json": pl.DataFrame(read["json"].json()),
        "csv": pl.read_csv(io.BytesIO(read["csv"].content)),
        "parquet": pl.read_parquet(io.BytesIO(read["parquet"].content)),
    }
    assert frames["json"].sort("person_key").equals(frames["csv"].sort("person_key"))
    assert frames["json"].height == frames["parquet"].height == 2
    assert read["csv"].headers["X-Is-Truncated"] == "false"
    cut = api.get("/v1/marts/msr_student_week?limit=1", headers=token)
    assert (len(cut.json()), cut.headers["X-Is-Truncated"]) == (1, "true")
    for query in ("format=xml", "limit=0", "limit=-1", "limit=x", "limit=99999999"):
        assert api.get(f"/v1/marts/msr_student_week?{query}", headers=token).status_code == 400
    assert api.get("/v1/marts/msr_student_week", headers=log_in(api, "adi")).status_code == 403
    with sqlite3.connect(home / "audit.db") as connection:
        rows = connection.execute(
            "select actor_key, resource, result from entry where action = 'export'"
        ).fetchall()
    assert (school.key("tess"), "msr_student_week", "allowed") in rows
    assert (school.key("adi"), "msr_student_week", "refused") in rows


def test_a_list_of_marts_holds_what_the_role_may_read(api: httpx.Client) -> None:
    marts = api.get("/v1/marts", headers=log_in(api, "adi")).json()["marts"]
    assert "qc_freshness" in marts
    assert not {"msr_student_week", "fct_new_and_without_rule"} & set(marts)


@pytest.mark.parametrize("path", ["/v1/me", "/v1/marts", "/v1/marts/dim_person"])
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic YTpi"])
def test_without_a_token_nothing_is_told(api: httpx.Client, path: str, header: str | None) -> None:
    answer = api.get(path, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
