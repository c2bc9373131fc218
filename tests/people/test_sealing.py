"""Identities at rest: nothing readable in the file, wrong keys refused, keys rotated while rows are read, old files taken along."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, select
from typer.testing import CliRunner

from cli.keys import app
from learnlake.errors import InputError, SettingsError, StoreError
from learnlake.settings import Settings
from people import key_rotation, names, sealing
from people.age import birth_dates
from people.db import MIGRATIONS, open_people, reading
from people.oneroster import import_roster
from people.tables import identifier, metadata, person
from tests.people.rosters import HOME_PAGE, small_school

runner = CliRunner()
WORDS = (b"Given-st1", b"Family-st1", b"st1@school.example", b"female", b"2010-03-04", b"+49 30 1234")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    roster = small_school()
    roster.files["demographics"] = [{"sourcedId": "st1", "sex": "female", "birthDate": "2010-03-04"}]
    roster.row("users", "st1")["phone"] = "+49 30 1234"
    return roster.write(tmp_path / "r")


@pytest.fixture
def school(settings: Settings, folder: Path) -> Settings:
    import_roster(settings, "t", folder, home_page=HOME_PAGE)
    return settings


def _bytes(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in settings.home.path.glob("people.db*"))


def _key_of(engine: Engine, sourced_id: str) -> str:
    with reading(engine) as connection:
        return str(connection.scalar(select(person.c.person_key).where(person.c.sourced_id == sourced_id)))


def _name(settings: Settings) -> str:
    engine = open_people(settings)
    try:
        key = _key_of(engine, "st1")
        return names.display_names(engine, "t", [key])[key]
    finally:
        engine.dispose()


def test_nothing_that_names_somebody_is_readable_in_the_file(school: Settings, folder: Path) -> None:
    content = _bytes(school)
    assert [word for word in WORDS if word in content] == []
    assert _name(school) == "Given-st1 Family-st1"
    engine = open_people(school)
    with reading(engine) as connection:
        values = {row.value for row in connection.execute(select(identifier))}
        assert "mailto:st1@school.example" in values
        key = _key_of(engine, "st1")
        assert birth_dates(connection, "t", [key]) == {key: dt.date(2010, 3, 4)}
    engine.dispose()
    assert not import_roster(school, "t", folder, home_page=HOME_PAGE).is_changed


def test_every_text_is_sealed_differently_and_opens_in_its_own_column_only(school: Settings) -> None:
    keyring = sealing.Keyring(school)
    one, other = (keyring.seal("Ada", "person.given_name") for _ in range(2))
    assert one != other
    assert keyring.open(one, "person.given_name") == "Ada"
    with pytest.raises(StoreError, match="changed from outside"):
        keyring.open(one, "person.family_name")
    body = one[:-6] + ("A" if one[-6] != "A" else "B") + one[-5:]
    with pytest.raises(StoreError, match="changed from outside"):
        keyring.open(body, "person.given_name")
    with pytest.raises(StoreError, match="is not sealed"):
        keyring.open("Ada", "person.given_name")


def _with(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update=changed)


def test_a_wrong_key_is_refused_and_overwrites_nothing(school: Settings, folder: Path) -> None:
    wrong = _with(school, identity_key=base64.b64encode(b"w" * 32).decode())
    before = _rows(school)
    with pytest.raises(StoreError, match="sealed with a key that isn't given"):
        _name(wrong)
    roster = small_school()
    roster.row("users", "st1")["givenName"] = "Another"
    for changed in (folder, roster.write(folder.parent / "other")):
        with pytest.raises(StoreError):
            import_roster(wrong, "t", changed, home_page=HOME_PAGE)
    with pytest.raises(StoreError, match="not the one that people"):
        import_roster(wrong, "u", folder, home_page="https://new.example")
    with pytest.raises(StoreError, match="not the one"):
        engine = open_people(wrong)
        key_rotation.rotate(engine, actor_key="operator:1")
    assert _rows(school) == before
    sealing.key_file(school).rename(school.home.path / "lost")
    with pytest.raises(SettingsError, match="file of identity keys is not there"):
        _name(school)
    assert not sealing.key_file(school).exists()


def _rows(settings: Settings) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(settings.home.people_db)) as connection:
        return [
            row
            for table in ("person", "identifier", "demographics")
            for row in connection.execute(f"select * from {table}")
        ]


@pytest.mark.parametrize("way", ["environment", "file", "command"])
def test_a_key_from_elsewhere(settings: Settings, folder: Path, tmp_path: Path, way: str) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    (tmp_path / "key").write_text(f"{key}\n")
    changed = {
        "environment": {"identity_key": key},
        "file": {"identity_key_file": tmp_path / "key"},
        "command": {"identity_key_command": f"cat {tmp_path / 'key'}"},
    }[way]
    elsewhere = _with(settings, **changed)
    import_roster(elsewhere, "t", folder, home_page=HOME_PAGE)
    assert _name(elsewhere) == "Given-st1 Family-st1"
    assert not (settings.home.secrets / "identity-keys").exists()
    with pytest.raises(SettingsError, match="not there"):
        _name(settings)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"identity_key": "short"}, "32 bytes in base64"),
        ({"identity_key": " "}, "There is no identity key"),
        ({"identity_key_command": "false"}, "command for the identity key has failed"),
        ({"identity_key_command": "no-such-program"}, "command for the identity key has failed"),
        ({"identity_key_file": Path("/nonexistent/key")}, "not there"),
    ],
)
def test_a_key_that_is_none_is_named(settings: Settings, changed: dict, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        open_people(_with(settings, **changed))


def test_the_key_file_is_its_owners_only(school: Settings) -> None:
    assert sealing.key_file(school).stat().st_mode & 0o777 == 0o600


def test_keys_are_rotated_while_rows_are_read_and_then_retired(
    school: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "RELOAD_SECONDS", 0.05)
    running = open_people(school)  # a service from before the rotation
    key = _key_of(running, "st1")
    old = {row[0] for row in key_rotation.state(running)}
    done = runner.invoke(app, ["rotate"], catch_exceptions=False)
    assert "rows sealed anew" in done.output
    assert names.display_names(running, "t", [key])[key] == "Given-st1 Family-st1"
    states = dict(key_rotation.state(running))
    assert len(states) == 2
    assert [states[one] for one in old] == [0]
    assert "1 old keys dropped" in runner.invoke(app, ["retire"], catch_exceptions=False).output
    assert set(dict(key_rotation.state(running))).isdisjoint(old)
    assert len(sealing.read_keys(school)) == 1
    assert names.display_names(running, "t", [key])[key] == "Given-st1 Family-st1"
    running.dispose()


def test_a_rotation_killed_midway_goes_on_and_rows_of_both_keys_are_read(
    school: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "RELOAD_SECONDS", 0.05)
    code = (
        "import os; from people import key_rotation as k, sealing; sealing.RELOAD_SECONDS = 0.05; k.BATCH_ROWS = 3\n"
        "from people.db import open_people; from learnlake.settings import get_settings\n"
        "k.rotate(open_people(get_settings()), actor_key='operator:1', progress=lambda done, total: done > 5 and os._exit(9))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    engine = open_people(school)
    counts = dict(key_rotation.state(engine))
    assert len(counts) == 2
    assert all(counts.values())
    with reading(engine) as connection:
        assert (
            len(
                connection.execute(
                    select(person, identifier.c.value).join(
                        identifier, person.c.person_key == identifier.c.person_key
                    )
                ).all()
            )
            > 8
        )
    with pytest.raises(InputError, match="rows are sealed under an older key"):
        key_rotation.retire(engine, actor_key="operator:1")
    newest, count = key_rotation.rotate(engine, actor_key="operator:1")
    assert count and newest in counts
    assert sorted(dict(key_rotation.state(engine)).values())[0] == 0
    assert key_rotation.retire(engine, actor_key="operator:1") == 1
    engine.dispose()
    assert _name(school) == "Given-st1 Family-st1"


def test_a_key_in_the_environment_is_rotated_by_whoever_keeps_it(
    settings: Settings, folder: Path, monkeypatch
) -> None:
    monkeypatch.setattr(sealing, "RELOAD_SECONDS", 0.05)
    old, new = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    import_roster(_with(settings, identity_key=old), "t", folder, home_page=HOME_PAGE)
    both = _with(settings, identity_key=f"{new},{old}")
    assert _name(both) == "Given-st1 Family-st1"  # before anything was rotated, the known key seals
    engine = open_people(both)
    key_rotation.rotate(engine, actor_key="operator:1")
    assert key_rotation.retire(engine, actor_key="operator:1") == 1
    engine.dispose()
    assert _name(_with(settings, identity_key=new)) == "Given-st1 Family-st1"
    with pytest.raises(StoreError):
        _name(_with(settings, identity_key=old))


def test_a_people_db_from_before_is_sealed_when_it_is_opened(settings: Settings) -> None:
    settings.home.people_db.parent.mkdir(exist_ok=True)
    engine = create_engine(f"sqlite:///{settings.home.people_db}")
    event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        connection.exec_driver_sql(
            "insert into person (tenant, person_key, source, sourced_id, kind, given_name, extension, is_generated, is_active)"
            " values ('t', 'p_1', 's', 'st1', 'rostered', 'Adalgisa', '{\"enabledUser\": \"false\"}', 0, 1)"
        )
        connection.exec_driver_sql(
            "insert into demographics (tenant, person_key, source, birth_date) values ('t', 'p_1', 's', '2010-03-04')"
        )
    engine.dispose()
    engine = open_people(settings)
    with reading(engine) as connection:
        row = connection.execute(select(person)).one()
        assert (row.given_name, row.enabled_user, row.extension) == (
            "Adalgisa",
            "false",
            '{"enabledUser": "false"}',
        )
        assert birth_dates(connection, "t", None) == {"p_1": dt.date(2010, 3, 4)}
    engine.dispose()
    with contextlib.closing(sqlite3.connect(settings.home.people_db)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    assert b"Adalgisa" not in _bytes(settings)


def test_what_names_somebody_is_sealed_in_every_table() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sealing.Sealed)
    }
    assert sealed == {
        *("person.username", "person.given_name", "person.family_name", "person.middle_name"),
        *("person.preferred_given_name", "person.preferred_family_name", "person.extension"),
        *("identifier.value", "demographics.birth_date", "demographics.sex", "demographics.details"),
        *("learning_override.reason", "student_note.text", "message.text"),
        *("intervention.what", "intervention.outcome_text", "journal_entry.text"),
    }
    assert {
        column.type.place
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sealing.Sealed)
    } == sealed
