"""Fixtures that every room's tests share: a home folder of the test's own, settings that point at it, free ports."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from learnlake.settings import Settings, get_settings
from tests.scale import data_dir


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests run in one worker, those on the demo together; first the end-to-end ones, which take longest."""
    for item in items:
        uses_demo = "demo" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("demo" if uses_demo else item.location[0]))
    items.sort(key=lambda item: "end_to_end" not in item.location[0])


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a home folder of this test's own, also in the environment, so that child processes share them."""
    monkeypatch.setenv("LEARNLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEARNLAKE_CONFIG", str(tmp_path / "none.toml"))
    get_settings.cache_clear()
    settings = get_settings()
    settings.home.create()
    yield settings
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that answers a TCP port free on 127.0.0.1."""

    def find() -> int:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return int(sock.getsockname()[1])

    return find


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public data sets; tests on real data run wherever it is found."""
    found = data_dir()
    if found is None:
        pytest.skip("the public data sets are not here: set LEARNLAKE_DATA_DIR")
    return found
