"""The test school built once, a dashboards server on it, and opening a page as somebody."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from learnlake.settings import get_settings
from people import sessions
from people.db import open_people
from tests.dashboards import school as schools

SCRIPT = "import streamlit as st\nfrom dashboards.session import run\nrun(st.session_state['token'])\n"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> schools.School:
    """The school, made once; the schools of the tests are copies of it."""
    folder = tmp_path_factory.mktemp("school")
    with pytest.MonkeyPatch.context() as patch:
        _point_at(patch, folder / "home")
        settings = get_settings()
        settings.home.create()
        school = schools.build(settings)
    get_settings.cache_clear()
    return school


@pytest.fixture(scope="session")
def school(built: schools.School) -> schools.School:
    """The school, shared: tests that change it take `own_school`."""
    return built


@pytest.fixture(scope="session")
def fresh_school(built: schools.School, tmp_path_factory: pytest.TempPathFactory) -> schools.School:
    """The same people, and nothing published yet. Shared."""
    school = _copy(built, tmp_path_factory.mktemp("fresh"))
    school.settings.home.current_snapshot.unlink()
    return school


@pytest.fixture(scope="session")
def empty_school(built: schools.School, tmp_path_factory: pytest.TempPathFactory) -> schools.School:
    """The same people, and marts without rows but for the build's own. Shared."""
    school = _copy(built, tmp_path_factory.mktemp("empty"))
    kept = {"dim_organisation", "qc_build"}
    every = schools.marts(school)
    empty = {
        name: pl.DataFrame(rows, infer_schema_length=None).clear()
        for name, rows in every.items()
        if name not in kept
    }
    school.publish(run_id="empty-run", **empty)
    return school


@pytest.fixture
def own_school(built: schools.School, tmp_path: Path) -> schools.School:
    """A school of this test's own."""
    return _copy(built, tmp_path)


@pytest.fixture(autouse=True)
def at_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages and tests read the settings of the school that the test asked for."""
    kinds = ("own_school", "fresh_school", "empty_school", "school")
    asked = next((name for name in kinds if name in request.fixturenames), None)
    if asked:
        _point_at(monkeypatch, request.getfixturevalue(asked).settings.home.path)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def _point_at(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("LEARNLAKE_HOME", str(home))
    patch.setenv("LEARNLAKE_CONFIG", str(home / "none.toml"))
    patch.setenv("LEARNLAKE_TODAY", schools.AS_OF.isoformat())
    get_settings.cache_clear()


def _copy(school: schools.School, folder: Path) -> schools.School:
    home = folder / "home"
    shutil.copytree(school.settings.home.path, home)
    settings = school.settings.model_copy(update={"home_dir": home})
    return dataclasses.replace(school, settings=settings, engine=open_people(settings))


@pytest.fixture(scope="session")
def token() -> Callable[[schools.School, str], str]:
    """Logs a role's account in and answers the session's token."""

    def log_in(school: schools.School, role: str) -> str:
        return sessions.log_in(school.engine, school.logins[role], schools.PASSWORD, "test")

    return log_in


@pytest.fixture(scope="session")
def open_page(token: Callable[[schools.School, str], str]) -> Callable[..., AppTest]:
    """Opens the page at `path` as the account of `role`, with query parameters."""

    def open_it(school: schools.School, role: str, path: str, **params: str) -> AppTest:
        app = AppTest.from_string(SCRIPT, default_timeout=300)
        app.session_state["token"] = token(school, role)
        app.query_params.update(params)
        return go(app, path)

    return open_it


def go(app: AppTest, path: str) -> AppTest:
    """Run the page at `path` in the browser session of `app`, as a click in the menu would."""
    app._page_hash = calc_hash(path)
    return app.run()


@pytest.fixture(scope="session")
def serve(free_port: Callable[[], int]) -> Iterator[Callable[..., str]]:
    """Starts `learnlake dashboards serve` on a school's home, with further variables, and answers its address."""
    running: list[subprocess.Popen] = []

    def start(school: schools.School, **variables: str) -> str:
        port = free_port()
        environment = {**os.environ, "LEARNLAKE_HOME": str(school.settings.home.path), **variables}
        command = [
            sys.executable,
            "-c",
            "from cli.dashboards import app; app()",
            "serve",
            "--port",
            str(port),
        ]
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                if httpx.get(f"{address}/health").status_code == 200:
                    return address
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the dashboards did not start in a minute")

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(10)


@pytest.fixture(scope="session")
def address(school: schools.School, serve: Callable[..., str]) -> str:
    """A server on the shared school."""
    return serve(school)
