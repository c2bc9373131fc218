"""A working file that dbt has built from a few real runs, shared by the tests of this folder; each plants its fault in a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest

from learnlake.settings import Settings
from people.db import open_people
from tests.warehouse.sealed import ANSWERED, ITEM, activity, seal, statement
from warehouse.build import Working
from warehouse.discover import discover

DAY = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connection to a working file with 12 answers of three learners in two discovered courses of tenant `t`."""
    settings = Settings(LEARNLAKE_HOME=tmp_path_factory.mktemp("contracts"), today=dt.date(2026, 11, 20))  # type: ignore[call-arg]
    settings.home.create()
    seal(
        settings.home,
        [
            statement(
                actor,
                ANSWERED,
                activity(f"https://lms.test/items/{n}", ITEM),
                at=DAY + dt.timedelta(minutes=n),
                course=f"https://lms.test/courses/{course}",
                success=n % 2 == 0,
                skills=["slope"],
            )
            for actor, course in (("ada", "a"), ("ben", "a"), ("cem", "b"))
            for n in range(4)
        ],
        stored=DAY + dt.timedelta(hours=1),
    )
    engine = open_people(settings)
    with Working(settings.home, settings) as working:
        discover(working, engine)
        working.transform()
        yield working.connection
    engine.dispose()


@pytest.fixture
def faulty(built: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The working file inside a transaction that is rolled back after the test."""
    built.execute("begin")
    yield built
    built.execute("rollback")
