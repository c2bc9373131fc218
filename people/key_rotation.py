"""Sealing everything in people.db under another key: in small transactions, going on where it was broken off."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, delete, insert, select

from learnlake import audit
from learnlake.errors import InputError
from people import sealing
from people.db import now, reading, settings_of, writing
from people.sealing import PREFIX, Keyring, Sealed, keyring_of
from people.tables import metadata, sealing_key

BATCH_ROWS = 2_000
Progress = Callable[[int, int], None]
"""Rows done, rows in all."""


def rotate(
    engine: Engine, *, actor_key: str, progress: Progress = lambda done, total: None
) -> tuple[str, int]:
    """Seal every identity under the newest key; answers its id and how many rows were sealed anew.

    Where the keys are in a file, a new key is made first, unless an earlier rotation is unfinished: that one is finished.
    Elsewhere whoever keeps the key puts the new one before the old. Services may go on meanwhile: both keys open rows.
    """
    settings, keyring = settings_of(engine), keyring_of(engine.dialect)
    keys = sealing.read_keys(settings)
    path = sealing.key_file(settings)
    if path is not None and len(keys) == 1:
        keys = [sealing.new_key(), *keys]
    newest = sealing.key_id(keys[0])
    with writing(engine) as connection:
        known: set[str] = set(connection.scalars(select(sealing_key.c.key_id)))
        if newest not in known:
            if not known.intersection(map(sealing.key_id, keys)):
                keyring.sealing_key()  # raises: none of these is the key in use
            connection.execute(insert(sealing_key).values(key_id=newest, made_at=now()))
    if path is not None:
        sealing.write_keys(path, keys)
    _audit(engine, actor_key, "rotate-identity-key", newest)
    time.sleep(2 * sealing.RELOAD_SECONDS)  # by now every process writes with the newest key
    ring = Keyring(settings)
    return newest, _seal_anew(engine, ring, newest, progress)


def retire(engine: Engine, *, actor_key: str) -> int:
    """Drop the old keys, once nothing is sealed under them; answers how many. InputError while something is."""
    settings = settings_of(engine)
    keys = sealing.read_keys(settings)
    newest = sealing.key_id(keys[0])
    with writing(engine) as connection:  # nobody writes while it is decided
        if newest not in set(connection.scalars(select(sealing_key.c.key_id))):
            raise InputError("The newest key is not in use yet", mend="run `learnlake keys rotate` first")
        left = sum(_count(connection, newest, *place) for place in _places())
        if left:
            raise InputError(
                f"{left} rows are sealed under an older key",
                mend="run `learnlake keys rotate` again, then retire",
            )
        connection.execute(delete(sealing_key).where(sealing_key.c.key_id != newest))
        path = sealing.key_file(settings)
        if path is not None:
            sealing.write_keys(path, keys[:1])
    _audit(engine, actor_key, "retire-identity-keys", newest)
    return len(keys) - 1


def state(engine: Engine) -> list[tuple[str, int]]:
    """(key id, rows sealed under it) of each key that people.db knows, the newest last."""
    with reading(engine) as connection:
        ids: list[str] = list(
            connection.scalars(select(sealing_key.c.key_id).order_by(sealing_key.c.made_at))
        )
        return [(one, sum(_count_under(connection, one, *place) for place in _places())) for one in ids]


def _places() -> list[tuple[str, tuple[str, ...]]]:
    """Each table with something sealed, and its sealed columns."""
    found = []
    for table in metadata.sorted_tables:
        columns = tuple(column.name for column in table.columns if isinstance(column.type, Sealed))
        if columns:
            found.append((table.name, columns))
    return found


def _seal_anew(engine: Engine, keyring: Keyring, newest: str, progress: Progress) -> int:
    with reading(engine) as connection:
        total = sum(_count(connection, newest, *place) for place in _places())
    done = 0
    for table, columns in _places():
        while True:
            with writing(engine) as connection:
                count = _batch(connection, keyring, newest, table, columns)
            if not count:
                break
            done += count
            progress(done, total)
    return done


def _batch(
    connection: Connection, keyring: Keyring, newest: str, table: str, columns: tuple[str, ...]
) -> int:
    query = f"select rowid, {', '.join(columns)} from {table} where {_is_old(columns)} limit {BATCH_ROWS}"
    rows = connection.exec_driver_sql(query, _old(newest, columns)).all()
    setting = ", ".join(f"{column} = ?" for column in columns)
    sealed = []
    for rowid, *values in rows:
        opened = [
            None if value is None else keyring.open(str(value), f"{table}.{column}")
            for column, value in zip(columns, values, strict=True)
        ]
        again = sealing_row(keyring, opened, table, columns)
        sealed.append((*again, rowid))
    if sealed:
        connection.exec_driver_sql(f"update {table} set {setting} where rowid = ?", sealed)
    return len(sealed)


def sealing_row(
    keyring: Keyring, values: list[str | None], table: str, columns: tuple[str, ...]
) -> list[str | None]:
    """The values of one row sealed under the newest key."""
    key = keyring.sealing_key()
    return [
        None if value is None else keyring.seal(value, f"{table}.{column}", key=key)
        for column, value in zip(columns, values, strict=True)
    ]


def _is_old(columns: tuple[str, ...]) -> str:
    return " or ".join(f"({column} is not null and {column} not like ?)" for column in columns)


def _old(newest: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return (f"{PREFIX}{newest}:%",) * len(columns)


def _count(connection: Connection, newest: str, table: str, columns: tuple[str, ...]) -> int:
    query = f"select count(*) from {table} where {_is_old(columns)}"
    return int(connection.exec_driver_sql(query, _old(newest, columns)).scalar_one())


def _count_under(connection: Connection, key_id: str, table: str, columns: tuple[str, ...]) -> int:
    condition = " or ".join(f"{column} like ?" for column in columns)
    query = f"select count(*) from {table} where {condition}"
    return int(connection.exec_driver_sql(query, _old(key_id, columns)).scalar_one())


def _audit(engine: Engine, actor_key: str, action: str, key_id: str) -> None:
    entry = audit.AuditEntry("", actor_key, action, f"identity-key:{key_id}", "people")
    audit.append(settings_of(engine).home.audit_db, entry)
