"""Fixtures of the LRS's tests: one served LRS for tests that do not disturb it, and a fresh one for those that do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from learnlake.settings import Settings, get_settings
from tests.lrs.served import Lrs, serving


@pytest.fixture(scope="session")
def shared_lrs(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Lrs]:
    """One LRS for the whole session; tests use ids, actors and activities of their own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lrs")
        patch.setenv("LEARNLAKE_HOME", str(folder / "home"))
        patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
        get_settings.cache_clear()
        settings = get_settings()
        settings.home.create()
        with serving(settings, free_port()) as lrs:
            yield lrs
    get_settings.cache_clear()


@pytest.fixture
def client(shared_lrs: Lrs) -> Iterator[httpx.Client]:
    """A client of the shared LRS, version 1.0.3."""
    with shared_lrs.client() as client:
        yield client


@pytest.fixture
def lrs(settings: Settings, free_port: Callable[[], int]) -> Iterator[Lrs]:
    """An LRS of this test's own."""
    with serving(settings, free_port()) as lrs:
        yield lrs
