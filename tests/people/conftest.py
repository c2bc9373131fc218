"""A people.db of the test's own, and short ways to put people, sections and roles into it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from learnlake.settings import Settings
from people.db import open_people


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = open_people(settings)
    yield engine
    engine.dispose()
