"""The small school, ready: people.db filled and a snapshot published."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from learnlake.settings import Settings
from people.db import open_people
from tests.warehouse import school


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """people.db with the small school in it, and its marts published."""
    engine = open_people(settings)
    school.enrol(engine)
    school.publish(settings.home)
    yield engine
    engine.dispose()
