"""Fixtures of the LRS's tests: a served LRS on each back end, shared by tests that do not disturb it or one's own."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from learnlake.settings import Settings, get_settings
from tests.lrs.postgres_server import create_database, postgres_server, programs
from tests.lrs.served import Lrs, serving

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres(free_port: Callable[[], int]) -> Iterator[str]:
    """Address of a PostgreSQL server; tests on it run wherever the server's programs are found."""
    if programs() is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not here")
    with postgres_server(free_port()) as server:
        yield server


def use_backend(backend: str, patch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Point the settings at the back end; on PostgreSQL at a new database."""
    if backend == "postgresql":
        server = request.getfixturevalue("postgres")
        patch.setenv("LEARNLAKE_DATABASE_URL", create_database(server, f"t{uuid.uuid4().hex}"))
    get_settings.cache_clear()


@pytest.fixture(scope="session", params=BACKENDS)
def shared_lrs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Lrs]:
    """One LRS per back end for the whole session; tests use ids, actors and activities of their own."""
    with contextlib.ExitStack() as stack:
        # The environment is this LRS's only while it starts: other tests have theirs.
        with pytest.MonkeyPatch.context() as patch:
            folder = tmp_path_factory.mktemp("lrs")
            patch.setenv("LEARNLAKE_HOME", str(folder / "home"))
            patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
            patch.setenv(
                "LEARNLAKE_GUESSES_PER_ADDRESS", "1000000"
            )  # every test's wrong secrets come from here
            use_backend(request.param, patch, request)
            settings = get_settings()
            settings.home.create()
            lrs = stack.enter_context(serving(settings, free_port()))
        get_settings.cache_clear()
        yield lrs


@pytest.fixture
def client(shared_lrs: Lrs) -> Iterator[httpx.Client]:
    """A client of the shared LRS, version 1.0.3."""
    with shared_lrs.client() as client:
        yield client


@pytest.fixture
def lrs(settings: Settings, free_port: Callable[[], int]) -> Iterator[Lrs]:
    """An LRS of this test's own, on SQLite."""
    with serving(settings, free_port()) as lrs:
        yield lrs


@pytest.fixture(params=BACKENDS)
def each_lrs(
    request: pytest.FixtureRequest,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> Iterator[Lrs]:
    """An LRS of this test's own, on each back end in turn."""
    use_backend(request.param, monkeypatch, request)
    with serving(get_settings(), free_port()) as lrs:
        yield lrs


@pytest.fixture(params=["one process", "two processes"])
def busy_lrs(
    request: pytest.FixtureRequest,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> Iterator[Lrs]:
    """SQLite with one process, PostgreSQL with two."""
    workers = 1
    if request.param == "two processes":
        use_backend("postgresql", monkeypatch, request)
        workers = 2
    with serving(get_settings(), free_port(), workers=workers) as lrs:
        yield lrs
