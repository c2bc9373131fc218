"""Open snapshots shared by this process's doors: one DuckDB instance per tenant file, a connection of its own per door.

No policy here. An instance can read its one file and nothing else, and its configuration is locked.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from pathlib import Path

import duckdb

from learnlake.errors import AccessError, PipelineError
from learnlake.home import Home
from learnlake.settings import Settings
from warehouse import snapshot
from warehouse.tables import literal, quoted


class Instance:
    """One tenant's file of one held snapshot, attached under a name that no query can guess."""

    def __init__(self, settings: Settings, held: snapshot.Held, tenant: str) -> None:
        path = snapshot.tenant_file(held.folder, tenant)
        if not path.exists():
            held.close()
            raise PipelineError(
                "Nothing has been published for this school yet.",
                where=f"tenant {tenant}",
                mend="send its statements or import its roster, then `learnlake run`",
            )
        self.build = held.build
        self.alias = f"s{secrets.token_hex(16)}"
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "threads": settings.duckdb_threads,
                "memory_limit": settings.duckdb_memory_limit,
                "temp_directory": "",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self._connection.execute("set timezone = 'UTC'")
        self._connection.execute("set python_enable_replacements = false")
        self._connection.execute(f"attach {literal(str(path))} as {self.alias} (read_only)")
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set lock_configuration = true")
        columns = self._connection.execute(
            "select table_name, list(column_name order by column_index) from duckdb_columns()"
            " where database_name = ? and schema_name = 'main' group by table_name",
            [self.alias],
        ).fetchall()
        self.columns: dict[str, list[str]] = dict(columns)
        self._schools: dict[str, frozenset[str]] = {}
        weakref.finalize(self, held.close)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection with temporary views of its own."""
        return self._connection.cursor()

    def schools(self, mart: str) -> frozenset[str]:
        """The school_keys that rows of `mart` have; a published file never changes, so that they are read once."""
        if mart not in self._schools:
            query = f"select distinct school_key from {self.alias}.main.{quoted(mart)} where school_key is not null"
            with self.connect() as connection:
                self._schools[mart] = frozenset(row[0] for row in connection.execute(query).fetchall())
        return self._schools[mart]


_instances: weakref.WeakValueDictionary[tuple[Path, str], Instance] = weakref.WeakValueDictionary()
_kept: dict[str, Instance] = {}
"""The instance last asked for, by tenant, so that short-lived doors (one per request) needn't open the file anew."""
_lock = threading.Lock()


def newest(settings: Settings, tenant: str) -> Instance:
    """The newest snapshot's file of `tenant`, opened once per process for as long as somebody uses it."""
    with _lock:
        held = snapshot.hold(settings.home)
        found = _instances.get((held.folder, tenant))
        if found is not None:
            held.close()
        else:
            found = _instances[held.folder, tenant] = Instance(settings, held, tenant)
        for other in [t for t, kept in _kept.items() if kept.build.build_id != found.build.build_id]:
            del _kept[other]  # a build that has been succeeded is held only by doors that still read it
        _kept[tenant] = found
        return found


def newest_id(home: Home) -> str | None:
    """The newest snapshot's name: one small read."""
    folder = snapshot.current(home)
    return folder.name if folder else None


def single_select(query: str) -> str:
    """`query` if it is one statement that only reads; AccessError otherwise, duckdb.ParserException if it is not SQL."""
    statements = duckdb.extract_statements(query)
    reads = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
    if len(statements) != 1 or statements[0].type not in reads:
        raise AccessError(
            "Only one SELECT statement at a time is allowed.", mend="send SELECT, DESCRIBE or EXPLAIN"
        )
    return query
