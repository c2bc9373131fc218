"""people.db: its migrations are its tables, it opens in several processes, and a transaction is all or nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, select, text

from learnlake.errors import InputError, StoreError
from learnlake.settings import Settings
from people.db import (
    HEAD,
    MIGRATIONS,
    bump_revision,
    check_tenant,
    open_people,
    read_revision,
    reading,
    writing,
)
from people.tables import metadata, organisation


def test_migrations_give_exactly_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_several_processes_open_a_new_home_at_once(settings: Settings) -> None:
    program = (
        "from learnlake.settings import get_settings\n"
        "from people.db import open_people, read_revision, reading\n"
        "with reading(open_people(get_settings())) as connection: print(read_revision(connection))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(answers) == 1


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    row = {
        "tenant": "t",
        "school_key": "t:1",
        "source": "x",
        "type": "school",
        "title": "One",
        "is_active": True,
    }
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        connection.execute(insert(organisation).values(**row))
        bump_revision(connection)
        raise ZeroDivisionError
    with reading(engine) as connection:
        assert connection.execute(select(organisation)).all() == []
        assert read_revision(connection)[1] == 0


def test_a_database_of_a_newer_release_is_refused(settings: Settings, engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match="another release"):
        open_people(settings)


@pytest.mark.parametrize("name", ["", "A", "a b", "a:b", "../x", "-a", "a" * 64])
def test_odd_tenant_names_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_tenant(name)
