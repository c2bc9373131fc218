"""Stores of older versions are taken along with all they hold; newer ones are refused; two processes migrate once."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from learnlake.errors import StoreError
from learnlake.settings import Settings, get_settings
from lrs import credentials, lake
from lrs.statement.identity import terms
from lrs.statement.prepare import KeyMaker
from lrs.store.database import Connection, SqliteDatabase, apply_migrations, open_database, schema_version
from lrs.store.moment import stored_text
from lrs.store.schema import MIGRATIONS
from tests.lrs.conftest import BACKENDS
from tests.lrs.served import KEY, SECRET, Lrs, statement
from tests.scale import scaled

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
ADA = {"objectType": "Agent", "account": {"homePage": "https://school.example", "name": "ada"}}
AUTHORITY = {
    "objectType": "Agent",
    "account": {"homePage": credentials.AUTHORITY_HOME_PAGE, "name": "default:lms"},
}
FIRST_STORED = 1_700_000_000_000_000
WORDS = {
    "sqlite": {"blob": "blob", "clustered": "without rowid"},
    "postgresql": {"blob": "bytea", "clustered": ""},
}


@pytest.fixture(params=BACKENDS)
def backend(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A back end without a store; on PostgreSQL an empty database."""
    if request.param == "postgresql":
        from tests.lrs.postgres_server import create_database

        server = request.getfixturevalue("postgres")
        monkeypatch.setenv("LEARNLAKE_DATABASE_URL", create_database(server, f"t{uuid.uuid4().hex}"))
        get_settings.cache_clear()
    yield request.param


def connect(backend: str) -> Connection:
    """A connection to the store as it is, migrated or not."""
    settings = get_settings()
    if backend == "sqlite":
        return SqliteDatabase(settings.home.lrs_db).connect()
    from lrs.store.postgres import PostgresConnection

    assert settings.database_url is not None
    return PostgresConnection(settings.database_url, read_only=False)


def store_of_version(backend: str, version: int, statements: list[dict[str, Any]]) -> None:
    """A store as the program wrote it when its schema had this version: rows by SQL of that time, not by today's code."""
    keys = KeyMaker(b"k" * 32)
    with contextlib.closing(connect(backend)) as connection, connection.writing():
        connection.execute("create table schema_version (version integer not null)")
        connection.execute("insert into schema_version values (?)", (version,))
        for script in MIGRATIONS[:version]:
            for sql in script:
                connection.execute(sql.format(**WORDS[backend]))
        connection.execute("insert into secret values ('index', ?)", (b"k" * 32,))
        salt = b"s" * 16
        connection.execute(
            "insert into credential (number, key, name, tenant, scopes, salt, digest, created)"
            " values (1, ?, 'lms', 'default', 'all', ?, ?, 0)",
            (KEY, salt, credentials._digest(SECRET, salt)),
        )
        for seq, item in enumerate(statements, start=1):
            stored = FIRST_STORED + seq
            whole = {
                **item,
                "authority": AUTHORITY,
                "version": "1.0.0",
                "stored": stored_text(stored).decode(),
            }
            whole.setdefault("timestamp", whole["stored"])
            connection.execute(
                "insert into statement (seq, tenant, id, stored, credential, raw) values (?, 'default', ?, ?, 1, ?)",
                (seq, uuid.UUID(item["id"]).bytes, stored, json.dumps(whole).encode()),
            )
            for kind, value in terms(item, AUTHORITY):
                connection.execute(
                    "insert into link (key, seq) values (?, ?)", (keys.key("default", kind, value), seq)
                )
            if item["verb"]["id"] == VOIDED:
                target = uuid.UUID(item["object"]["id"]).bytes
                connection.execute("insert into reference values (?, ?, 'default', 1)", (target, seq))
                connection.execute("update statement set is_voided = 1 where id = ?", (target,))
        connection.execute(
            "update sequence set last_seq = ?, last_stored = ?",
            (len(statements), FIRST_STORED + len(statements)),
        )
        if version >= 2:
            connection.execute(
                "insert into document values ('default', 'state', 'https://x.example/a', ?, '', 's', 'application/json', ?, 'e', 1)",
                ("account\nhttps://school.example\nada", b'{"page":3}'),
            )
            connection.execute(
                "insert into activity values ('default', 'https://x.example/a', ?)",
                (b'{"name":{"en":"Old"}}',),
            )


@pytest.mark.parametrize("version", [1, 2])
def test_a_store_of_an_older_version_keeps_everything(
    backend: str, version: int, free_port: Callable[[], int]
) -> None:
    old = [statement(actor=ADA), statement(), statement(actor=ADA)]
    voiding = statement(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": old[2]["id"]})
    store_of_version(backend, version, [*old, voiding])
    lrs = Lrs(get_settings(), free_port())
    lrs.start()
    try:
        with lrs.client() as client:

            def found(**filters: str) -> set[str]:
                page = client.get("/statements", params=filters).json()["statements"]
                return {item["id"] for item in page}

            assert found() == {old[0]["id"], old[1]["id"], voiding["id"]}
            assert found(agent=json.dumps(ADA)) == {old[0]["id"]}
            assert found(verb=VOIDED) == {voiding["id"]}
            gone = client.get("/statements", params={"voidedStatementId": old[2]["id"]}).json()
            assert gone["id"] == old[2]["id"]
            assert gone["stored"] == stored_text(FIRST_STORED + 3).decode()
            fresh = statement(actor=ADA)
            client.post("/statements", json=fresh).raise_for_status()
            assert found(agent=json.dumps(ADA)) == {old[0]["id"], fresh["id"]}
            assert client.post("/statements", json=old[1]).status_code == 200
            place = {"activityId": "https://x.example/a", "agent": json.dumps(ADA), "stateId": "s"}
            if version >= 2:
                assert client.get("/activities/state", params=place).json() == {"page": 3}
                known = client.get("/activities", params={"activityId": "https://x.example/a"}).json()
                assert known["definition"]["name"] == {"en": "Old"}
            client.put("/activities/state", params=place, json={"page": 4}).raise_for_status()
    finally:
        lrs.stop()
    assert lake.seal_once(get_settings()).count == 5
    assert all(check.is_equal for check in lake.verify(get_settings()))
    with contextlib.closing(connect(backend)) as connection:
        assert schema_version(connection) == len(MIGRATIONS)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(backend: str) -> None:
    store_of_version(backend, 2, [statement()])
    newer = len(MIGRATIONS) + 1
    with contextlib.closing(connect(backend)) as connection:
        connection.execute("update schema_version set version = ?", (newer,))
    with pytest.raises(
        StoreError, match=f"schema version {newer}, newer than this program's {len(MIGRATIONS)}"
    ):
        open_database(get_settings())
    command = [sys.executable, "-m", "cli.main", "lrs", "serve", "--port", "1"]
    served = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert served.returncode == 2
    assert "Traceback" not in served.stderr
    assert "run the newer Learnlake that made it" in served.stderr
    with contextlib.closing(connect(backend)) as connection:
        assert schema_version(connection) == newer
        assert len(connection.rows("select seq from statement")) == 1


MIGRATE_AT = """
import sys, time
from learnlake.settings import get_settings
from lrs.store.database import open_database
time.sleep(max(0, float(sys.argv[1]) - time.time()))
open_database(get_settings())
"""


@pytest.mark.parametrize("version", [0, 1])
def test_processes_that_start_at_once_migrate_once(backend: str, version: int) -> None:
    """From nothing, and from the oldest store; a second run of any migration would fail on a table that is there."""
    if version:
        store_of_version(backend, version, [statement()])
    start = str(time.time() + 4)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE_AT, start], env={**os.environ}, stderr=subprocess.PIPE, text=True
        )
        for _ in range(scaled(2, 8))
    ]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(said), said
    with contextlib.closing(connect(backend)) as connection:
        assert connection.rows("select version from schema_version") == [(len(MIGRATIONS),)]
        assert connection.rows("select count(*) from sequence") == [(1,)]
        assert len(connection.rows("select seq from statement")) == version


def test_a_migration_that_fails_changes_nothing(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store_of_version(backend, 1, [statement()])
    broken = [*MIGRATIONS[:2], ["create table half (a integer)", "create table half (a integer)"]]
    monkeypatch.setattr("lrs.store.database.MIGRATIONS", broken)
    with pytest.raises(Exception, match="half"):
        open_database(get_settings())
    monkeypatch.undo()
    with contextlib.closing(connect(backend)) as connection:
        assert schema_version(connection) == 1
    open_database(get_settings())
    with contextlib.closing(connect(backend)) as connection:
        assert schema_version(connection) == len(MIGRATIONS)
        with connection.writing():
            apply_migrations(connection, **WORDS[backend])
        assert len(connection.rows("select seq from statement")) == 1


def test_a_server_that_is_not_there_is_named_without_its_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    port = free_port()
    monkeypatch.setenv("LEARNLAKE_DATABASE_URL", f"postgresql://ada:s3cret@127.0.0.1:{port}/lrs")
    get_settings.cache_clear()
    with pytest.raises(StoreError, match="cannot be reached") as raised:
        open_database(get_settings())
    assert str(port) in str(raised.value)
    assert "s3cret" not in str(raised.value)
