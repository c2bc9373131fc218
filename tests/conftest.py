"""Fixtures that every room's tests share: a home folder of the test's own, settings that point at it, free ports."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from learnlake.settings import Settings, get_settings
from tests.scale import data_dir

END_TO_END = "tests/end_to_end/"


class FilesTogether(LoadScopeScheduling):
    """A file's tests run in one worker, as its fixtures are made once per worker; so do all end-to-end ones, for the demo.

    Not `--dist loadgroup`: xdist 3.8 writes the group into an attribute of the item that pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        return END_TO_END if nodeid.startswith(END_TO_END) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether:
    return FilesTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The end-to-end tests, which take longest, come first."""
    items.sort(key=lambda item: not item.nodeid.startswith(END_TO_END))


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
