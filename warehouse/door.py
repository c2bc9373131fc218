"""The one query door: a viewer's SQL over views that hold only the rows this viewer may see.

Who may see what is `people.policy`'s answer, asked anew for each query; here it is turned into views. Default deny: a
mart without a rule, or a role that the rule does not name, has no view.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa
from sqlalchemy import Engine

from learnlake import audit
from learnlake.errors import AccessError, InputError
from learnlake.settings import Settings
from people import names, policy
from people.db import open_people
from people.policy import Scope
from people.sessions import Viewer
from warehouse import reader
from warehouse.snapshot import Build
from warehouse.tables import is_mart, literal, quoted

MASKED_WHEN_SMALL = {
    "msr_class_week": (
        "active_student_count",
        "attempt_count",
        "correct_count",
        "mean_score",
        "absence_rate",
        "minutes_active",
    ),
    "msr_skill": (
        "attempt_count",
        "correct_count",
        "correct_share",
        "opportunities_per_student",
        "mastered_count",
        "mastery_share",
        "mean_mastery",
        "mastery_gap",
    ),
    "msr_school_week": (
        "active_student_count",
        "attempt_count",
        "correct_count",
        "mean_score",
        "absence_rate",
        "minutes_active",
    ),
    "msr_subgroup": ("inactive_share", "mean_score", "completion_share", "chronic_absence_share"),
    "msr_growth": ("mean_before", "mean_after", "mean_change", "change_low", "change_high"),
}
"""Measures of groups: empty for roles that see a school by group, where `student_count` is under `small_group_size`, and in `msr_subgroup`
where the mart says `is_small`: there a group beside a small one is small, too, or the small one could be told by subtraction."""
SCHOOL_LEVEL_ROLES = frozenset({"principal"})

Params = Sequence[object] | Mapping[str, object] | None


class Door:
    """What `viewer` may read of the newest snapshot. Threads may share one; queries take turns.

    Raises AccessError for a mart that the viewer's role may not see, PipelineError before the first publish.
    """

    def __init__(
        self, settings: Settings, viewer: Viewer, *, source: str = "dashboards", engine: Engine | None = None
    ) -> None:
        """`source` names the program or address in the audit trail; a server passes its `engine` of people.db."""
        self._settings = settings
        self._viewer = viewer
        self._source = source
        self._is_own_engine = engine is None
        self._engine = engine or open_people(settings)
        self._lock = threading.RLock()
        self._pins = 0
        self._instance: reader.Instance | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._shown: tuple[str, Scope] | None = None
        self._audited: set[tuple[str, str]] = set()

    def sql(self, query: str, params: Params = None) -> pa.Table:
        """The answer to one SELECT over the marts by their plain names, with only the viewer's rows in them.

        Raises AccessError for a mart that is not open to the role, InputError for a name that is no mart at all.
        """
        reader.single_select(query)
        with self._lock:
            connection = self._ready()
            try:
                return connection.sql(query, params=params).to_arrow_table()
            except duckdb.CatalogException as error:
                self._refuse_unseen(query)
                # DuckDB proposes names that lie behind the views; only its first sentence is told
                raise InputError(
                    str(error).partition("\n")[0], mend="the views are those of `Door.marts()`"
                ) from None

    def mart(self, name: str, *, limit: int | None = None) -> pa.Table:
        """The rows of one mart that the viewer may see, all or the first `limit`."""
        with self._lock:
            self._ready()
            if name not in self.marts():
                raise AccessError("This table is not open to your role.", where=name)
            return self.sql(f"from {quoted(name)}" + ("" if limit is None else f" limit {int(limit)}"))

    def marts(self) -> list[str]:
        """Names of the marts that the viewer's role may see, in the alphabet's order."""
        with self._lock:
            self._ready()
            assert self._instance is not None
            return sorted(n for n in self._instance.columns if is_mart(n) and self._may_see(n))

    def build(self) -> Build:
        """Which build the next query reads (inside `pinned`: has read)."""
        with self._lock:
            self._ready()
            assert self._instance is not None
            return self._instance.build

    @property
    def source(self) -> str:
        """The program or address that asks, as the audit trail names it."""
        return self._source

    def scope(self) -> Scope:
        """What the policy says about the viewer now."""
        return policy.scope(self._engine, self._viewer)

    @contextlib.contextmanager
    def pinned(self) -> Iterator[Door]:
        """Inside, all queries read the same snapshot; the policy is still asked for each."""
        with self._lock:
            self._pins += 1
        try:
            yield self
        finally:
            with self._lock:
                self._pins -= 1

    def with_names(self, table: pa.Table, *, key: str = "person_key", name: str = "display_name") -> pa.Table:
        """`table` and a column `name`: the person's name where policy shows names, the pseudonym elsewhere.

        Only people whose row in `dim_person` the viewer may see are named.
        """
        keys = [k for k in table.column(key).unique().to_pylist() if k is not None]
        scope = self.scope()
        shown: dict[str, str] = {}
        if keys and scope.shows_names and "dim_person" in self.marts():
            visible = self.sql(
                "select person_key from dim_person where list_contains($keys, person_key)", {"keys": keys}
            )
            shown = names.display_names(self._engine, scope.tenant, visible.column(0).to_pylist())
        values = [shown.get(k, k) for k in table.column(key).to_pylist()]
        return table.append_column(name, pa.array(values, pa.string()))

    def celebrated_names(self, person_keys: Sequence[str]) -> dict[str, str]:
        """person_key -> name of those of `person_keys` who agree today to be shown by name beside others (purpose `leaderboard`).

        Only people whose row in `dim_person` the viewer may see. AccessError for a role that `people.policy` shows no such names.
        """
        scope = self.scope()
        policy.check_celebrates(scope)
        visible = self.sql(
            "select person_key from dim_person where list_contains($keys, person_key)",
            {"keys": list(person_keys)},
        )
        return names.celebrated(self._engine, scope.tenant, visible.column(0).to_pylist())

    def audit_view(self, person_keys: Sequence[str], page: str) -> None:
        """Note in the audit trail that the viewer has been shown these persons' records; once per door and page."""
        resource = "person:" + ",".join(sorted(set(person_keys)))
        if not person_keys or (page, resource) in self._audited:
            return
        self._append(f"view {page}", resource)
        self._audited.add((page, resource))

    def audit_export(self, what: str) -> None:
        """Note in the audit trail that the viewer has taken `what` away as a file."""
        self._append("export", what)

    def close(self) -> None:
        """Let the snapshot go."""
        with self._lock:
            self._forget()
            if self._is_own_engine:
                self._engine.dispose()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, action: str, resource: str) -> None:
        told = audit.AuditEntry(self._viewer.tenant, self._viewer.viewer_key, action, resource, self._source)
        audit.append(self._settings.home.audit_db, told)

    def _ready(self) -> duckdb.DuckDBPyConnection:
        """The connection whose views are those of the newest snapshot and of what policy says now."""
        scope = self.scope()
        if self._instance is None or (
            not self._pins and self._instance.build.build_id != reader.newest_id(self._settings.home)
        ):
            self._forget()
            self._instance = reader.newest(self._settings, scope.tenant)
            self._connection = self._instance.connect()
        assert self._connection is not None
        shown = (self._instance.build.build_id, scope)
        if shown != self._shown:
            self._show(self._connection, self._instance, scope)
            self._shown = shown
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._instance, self._shown = None, None, None

    def _may_see(self, mart: str) -> bool:
        try:
            return self._viewer.role in policy.rule(mart).roles
        except AccessError:
            return False

    def _show(self, connection: duckdb.DuckDBPyConnection, instance: reader.Instance, scope: Scope) -> None:
        relations: dict[tuple[str, ...], str] = {}
        for mart, columns in sorted(instance.columns.items()):
            if not is_mart(mart) or not self._may_see(mart):
                continue
            source = f"{instance.alias}.main.{quoted(mart)}"
            where = self._condition(connection, instance, scope, mart, relations)
            chosen = ", ".join(self._expression(scope, mart, column) for column in columns)
            connection.execute(
                f"create or replace temp view {quoted(mart)} as select {chosen} from {source} where {where}"
            )

    def _condition(
        self,
        connection: duckdb.DuckDBPyConnection,
        instance: reader.Instance,
        scope: Scope,
        mart: str,
        relations: dict[tuple[str, ...], str],
    ) -> str:
        """The rows of `mart` inside `scope`, as SQL. Marts guarded by the same columns share one table of allowed keys."""
        allowed = policy.filter_for(scope, mart)
        of_tenant = f"tenant = {literal(allowed.tenant)}"
        if not allowed.columns:
            return of_tenant
        if missing := [c for c in allowed.columns if c not in instance.columns[mart]]:
            raise AccessError(
                "This table lacks the columns that guard it.", where=f"{mart}: {', '.join(missing)}"
            )
        if allowed.columns == ("school_key",) and instance.schools(mart) <= {
            value for (value,) in allowed.values
        }:
            return f"{of_tenant} and school_key is not null"  # who leads every school: nothing to join
        keys = ", ".join(quoted(c) for c in allowed.columns)
        if allowed.columns not in relations:
            relations[allowed.columns] = self._table_of(connection, allowed, f"allowed_{len(relations)}")
        return f"{of_tenant} and ({keys}) in (select ({keys}) from {relations[allowed.columns]})"

    @staticmethod
    def _table_of(connection: duckdb.DuckDBPyConnection, allowed: policy.RowFilter, name: str) -> str:
        """A temporary table of the allowed keys: DuckDB knows its size and its extremes, which an Arrow table wouldn't tell."""
        arrays = [pa.array([v[n] for v in allowed.values], pa.string()) for n in range(len(allowed.columns))]
        connection.register("given", pa.Table.from_arrays(arrays, names=list(allowed.columns)))
        connection.execute(f"create or replace temp table {name} as from given")
        connection.unregister("given")
        return name

    def _expression(self, scope: Scope, mart: str, column: str) -> str:
        if scope.role in SCHOOL_LEVEL_ROLES and column in MASKED_WHEN_SMALL.get(mart, ()):
            limit = self._settings.small_group_size
            shown = "not is_small" if mart == "msr_subgroup" else f"student_count >= {limit}"
            return f"case when {shown} then {quoted(column)} end as {quoted(column)}"
        return quoted(column)

    def _refuse_unseen(self, query: str) -> None:
        assert self._instance is not None
        lowered = query.lower()
        for mart in self._instance.columns:
            if mart in lowered and not self._may_see(mart):
                raise AccessError("This table is not open to your role.", where=mart)
