"""people.db for a command: opened when it begins, closed when it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from learnlake.settings import Settings, get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextlib.contextmanager
def people_engine(settings: Settings | None = None) -> Iterator[Engine]:
    """The engine of the settings' people.db."""
    from people.db import open_people

    settings = settings or get_settings()
    settings.home.create()
    engine = open_people(settings)
    try:
        yield engine
    finally:
        engine.dispose()
