"""The test school built once, a dashboards server on it, and opening a page as somebody."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboards.visit import engine_of
from learnlake.settings import get_settings
from people import sessions
from tests.dashboards import school as schools

SCRIPT = "import streamlit as st\nfrom dashboards.session import run\nrun(st.session_state['token'])\n"


@pytest.fixture(scope="session")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schools.School]:
    """The school, shared: tests that change it make their own by `own_school`."""
    patch = pytest.MonkeyPatch()
    yield _build(patch, tmp_path_factory.mktemp("school"))
    patch.undo()
    get_settings.cache_clear()


@pytest.fixture
def own_school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[schools.School]:
    """A school of this test's own."""
    yield _build(monkeypatch, tmp_path)
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def at_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages and tests read the settings of the school that the test asked for."""
    names = [name for name in ("own_school", "school") if name in request.fixturenames]
    if names:
        home = request.getfixturevalue(names[0]).settings.home.path
        monkeypatch.setenv("LEARNLAKE_HOME", str(home))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
    engine_of.cache_clear()


def _build(patch: pytest.MonkeyPatch, folder: Path) -> schools.School:
    patch.setenv("LEARNLAKE_HOME", str(folder / "home"))
    patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
    patch.setenv("LEARNLAKE_TODAY", schools.AS_OF.isoformat())
    get_settings.cache_clear()
    settings = get_settings()
    settings.home.create()
    return schools.build(settings)


@pytest.fixture
def token() -> Callable[[schools.School, str], str]:
    """Logs a role's account in and answers the session's token."""

    def log_in(school: schools.School, role: str) -> str:
        return sessions.log_in(school.engine, school.logins[role], schools.PASSWORD, "test")

    return log_in


@pytest.fixture
def open_page(token: Callable[[schools.School, str], str]) -> Callable[..., AppTest]:
    """Opens the page at `path` as the account of `role`, with query parameters."""

    def open_it(school: schools.School, role: str, path: str, **params: str) -> AppTest:
        app = AppTest.from_string(SCRIPT, default_timeout=30)
        app.session_state["token"] = token(school, role)
        app.query_params.update(params)
        app._page_hash = calc_hash(path)
        return app.run()

    return open_it


@pytest.fixture(scope="session")
def serve(free_port: Callable[[], int]) -> Iterator[Callable[[schools.School], str]]:
    """Starts `learnlake dashboards serve` on a school's home and answers its address."""
    running: list[subprocess.Popen] = []

    def start(school: schools.School) -> str:
        port = free_port()
        environment = {**os.environ, "LEARNLAKE_HOME": str(school.settings.home.path)}
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
        for _ in range(300):
            try:
                if httpx.get(f"{address}/health").status_code == 200:
                    return address
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the dashboards did not start in 30 s")

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(10)


@pytest.fixture(scope="session")
def address(school: schools.School, serve: Callable[[schools.School], str]) -> str:
    """A server on the shared school."""
    return serve(school)
