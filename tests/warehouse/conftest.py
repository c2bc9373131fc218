"""The small school, ready: people.db filled and a snapshot published, once for tests that only read, anew for the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from learnlake.settings import Settings
from people.db import open_people
from tests.warehouse import school
from tests.warehouse.fixtures import publish_rows


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """people.db with the small school in it, and its marts published."""
    engine = open_people(settings)
    school.enrol(engine)
    school.publish(settings.home)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home with the small school that nobody changes: for tests that only read."""
    return _home_with(tmp_path_factory, school.marts())


@pytest.fixture(scope="session")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same, published without the mart that has no rule: a mart without rule shuts the file to analysts' SQL."""
    return _home_with(tmp_path_factory, {n: r for n, r in school.marts().items() if n != school.WITHOUT_RULE})


def _home_with(factory: pytest.TempPathFactory, marts: dict[str, list[dict[str, Any]]]) -> Settings:
    settings = Settings(LEARNLAKE_HOME=factory.mktemp("school"))  # type: ignore[call-arg]
    settings.home.create()
    engine = open_people(settings)
    school.enrol(engine)
    engine.dispose()
    publish_rows(settings.home, marts)
    return settings
