"""The working file during a run: what is new, dbt, predictions in, checks in, published. What runs when is `pipelines`'.

The watermark moves only after everything of a run has succeeded, so that a run which died is simply done again.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import duckdb
import polars as pl

from learnlake.clock import today, utc_now
from learnlake.errors import ContractError, PipelineError
from learnlake.home import Home
from learnlake.settings import Settings
from warehouse import catalogue, dbt_run, generations, lake, snapshot, working_file
from warehouse.dbt_run import ModelRun, Progress
from warehouse.tables import FILLED, quoted
from warehouse.watermark import THRESHOLDS, Pending, Watermark, definitions, pending

__all__ = ["Pending", "Window", "Working", "pending"]


@dataclasses.dataclass(frozen=True)
class Window:
    """What a run takes in: statements with `from_seq < seq <= to_seq`, `lake_files` holding them, and the clock."""

    from_seq: int
    to_seq: int
    as_of: dt.date
    previous_as_of: dt.date | None
    is_full_refresh: bool
    is_people_changed: bool
    is_catalogue_changed: bool
    lake_files: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """No new statement, the same roster, catalogue, day and definitions."""
        changed = self.is_full_refresh or self.is_people_changed or self.is_catalogue_changed
        return self.from_seq == self.to_seq and not changed and self.as_of == self.previous_as_of


class Working:
    """`with Working(home, settings) as working:` holds the working file; BusyError when another run does.

    In order: `look` (and again after discovery), `transform`, `record_checks`, `replace_rows` for predictions, `publish`.
    `retake_from`: the statements stored on that UTC day and later are taken in once more.
    """

    def __init__(
        self,
        home: Home,
        settings: Settings,
        *,
        run_id: str = "",
        started_by: str = "",
        full_refresh: bool = False,
        retake_from: dt.date | None = None,
    ) -> None:
        self.home = home
        self.settings = settings
        self.run_id = run_id or snapshot.new_build_id()
        self.started_by = started_by
        self._full_refresh = full_refresh
        self._retake_from = retake_from
        self._stack = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._window: Window | None = None
        self._ends_at: Watermark | None = None

    def __enter__(self) -> Working:
        self._stack.enter_context(working_file.locked(self.home, holder=self.run_id))
        self._stack.callback(self._close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection to the working file, for reading and for checks."""
        if self._connection is None:
            self._connection = working_file.connect(self.home, self.settings, self.home.working_file)
        return self._connection

    def watermark(self) -> Watermark:
        """How far the last run that ended well had come."""
        row = self.connection.execute(
            "select json from run.watermark order by ended_at desc limit 1"
        ).fetchone()
        return Watermark.from_json(row[0]) if row else Watermark()

    def look(self) -> Window:
        """Fix what this run takes in: one version of the lake and the newest roster and catalogue. Cheap."""
        before = self.watermark()
        held_lake = lake.open_lake(self.home)
        people = generations.current(self.home.lake_people)
        held = catalogue.ensure(self.home)
        defined = definitions(self.settings)
        if before.sealed_seq and before.removal != held_lake.removal:
            # What came from rows that the lake no longer has cannot be told apart by now, predictions included.
            self._close()
            working_file.discard(self.home)
            before = Watermark()
        is_full = (
            self._full_refresh or before.definitions != defined or before.sealed_seq > held_lake.sealed_seq
        )
        from_seq = 0 if is_full else before.sealed_seq
        if self._retake_from:
            from_seq = min(from_seq, held_lake.seq_before(self._retake_from))
        self._ends_at = Watermark(
            sealed_seq=held_lake.sealed_seq,
            removal=held_lake.removal,
            people_generation=people.name if people else "",
            catalogue_generation=held.name,
            as_of=today(self.settings).isoformat(),
            definitions=defined,
        )
        self._window = Window(
            from_seq=from_seq,
            to_seq=held_lake.sealed_seq,
            as_of=today(self.settings),
            previous_as_of=None if is_full else before.as_of_date,
            is_full_refresh=is_full,
            is_people_changed=is_full or before.people_generation != self._ends_at.people_generation,
            is_catalogue_changed=is_full or before.catalogue_generation != held.name,
            lake_files=tuple(held_lake.files_after(from_seq)),
        )
        return self._window

    @property
    def window(self) -> Window:
        """What this run takes in, as the last `look` found it."""
        return self._window or self.look()

    def transform(self, *, on_progress: Progress | None = None) -> tuple[ModelRun, ...]:
        """Run dbt over the window. Raises PipelineError naming each model that failed."""
        window = self.window
        variables = self._variables(window)
        if (
            window.is_full_refresh or self._retake_from
        ):  # done to mend: nothing of a published file is taken over
            working_file.rename(self.connection)
        if window.is_full_refresh:
            working_file.clear(self.connection)
        self._close()  # dbt opens the file itself
        return dbt_run.build(
            self.home,
            self.settings,
            variables,
            working_file=self.home.working_file,
            is_full_refresh=window.is_full_refresh,
            on_progress=on_progress,
        )

    def _variables(self, window: Window) -> dict[str, Any]:
        people = generations.current(self.home.lake_people)
        held = generations.current(self.home.lake_catalogue)
        if people is None or held is None:
            raise PipelineError(
                "The roster has not been written to the lake yet.",
                where=str(self.home.lake_people),
                mend="`people.lake.publish` writes it; the stage `discover` calls it",
            )
        return {
            "lake_files": list(window.lake_files),
            "from_seq": window.from_seq,
            "to_seq": window.to_seq,
            "people_dir": str(people),
            "catalogue_dir": str(held),
            "as_of": window.as_of.isoformat(),
            **{name: getattr(self.settings, name) for name in THRESHOLDS},
        }

    def frame(
        self, query: str, params: Sequence[object] | Mapping[str, object] | None = None
    ) -> pl.DataFrame:
        """The answer to `query` over the working file, as a Polars frame."""
        answer = pl.from_arrow(self.connection.sql(query, params=params).to_arrow_table())
        assert isinstance(answer, pl.DataFrame)
        return answer

    def replace_rows(
        self, table: str, frame: pl.DataFrame, keys: Sequence[str], *, scope: pl.DataFrame | None = None
    ) -> None:
        """Put `frame` into `table` of `warehouse.tables.FILLED` in place of the rows with the same `keys`, all or nothing.

        `scope` (columns `keys`) names the keys whose rows go, where some of them have no new row; without it those of
        `frame`. No `keys`: the whole table is replaced. Columns are matched by name and cast to the declaration.
        """
        if table not in FILLED:
            raise PipelineError(
                f"{table} is not a table that a stage fills.", mend=f"one of {', '.join(FILLED)}"
            )
        target = f"main.{quoted(table)}"
        gone = (frame if scope is None else scope).select(list(keys)).unique() if keys else None
        connection = self.connection
        connection.register("rows_new", frame.to_arrow())
        connection.execute("begin")
        try:
            if gone is None:
                connection.execute(f"delete from {target}")
            else:
                connection.register("rows_gone", gone.to_arrow())
                same = " and ".join(f"t.{quoted(k)} is not distinct from g.{quoted(k)}" for k in keys)
                connection.execute(f"delete from {target} t using rows_gone g where {same}")
            connection.execute(f"insert into {target} by name from rows_new")
            connection.execute("commit")
        except duckdb.Error as error:
            connection.execute("rollback")
            raise PipelineError(f"The rows for {table} do not fit its columns.", where=str(error)) from error
        finally:
            connection.unregister("rows_new")
            if gone is not None:
                connection.unregister("rows_gone")

    def record_checks(self, results: pl.DataFrame) -> None:
        """Keep `results` (columns of `qc_check`). Raises ContractError when a blocking check failed; nothing is published."""
        self.replace_rows("qc_check", results, [])
        failed = results.filter((pl.col("severity") == "block") & ~pl.col("is_passed"))
        if not failed.is_empty():
            lines = [
                f"{r['tenant']}: {r['contract']}, {r['check_name']}: {r['message']}"
                for r in failed.iter_rows(named=True)
            ]
            raise ContractError(
                f"{len(lines)} blocking contract check(s) failed; the last published snapshot stands.",
                where="\n         ".join(lines[:50]),
                mend="mend the rows or the model that made them, then run again: the same statements are taken once more",
            )

    def publish(self, *, model_versions: Mapping[str, str] | None = None) -> snapshot.Build:
        """End the run: move the watermark, then publish the marts as a snapshot. Everything before must have succeeded."""
        if self._ends_at is None:
            raise PipelineError(
                "This run has built nothing to publish.", mend="call `look` and `transform` first"
            )
        ends_at = dataclasses.replace(self._ends_at, model_versions=dict(model_versions or {}))
        build = self._build(ends_at)
        connection = self.connection
        self.replace_rows("qc_build", _build_rows(build), [])
        connection.execute("begin")
        connection.execute("delete from run.watermark")
        connection.execute("insert into run.watermark values (?, ?)", [ends_at.to_json(), build.built_at])
        connection.execute("commit")
        connection.execute("checkpoint")
        snapshot.publish(self.home, connection, build, kept=self.settings.snapshots_kept)
        return build

    def _build(self, ends_at: Watermark) -> snapshot.Build:
        counts = dict(
            self.frame("select tenant, count(*) as n from main.fct_statement group by tenant").iter_rows()
        )
        for (tenant,) in self.frame("select distinct tenant from main.dim_person").iter_rows():
            counts.setdefault(tenant, 0)  # a school whose roster came before its statements has a build too
        return snapshot.Build(
            build_id=snapshot.new_build_id(),
            run_id=self.run_id,
            started_by=self.started_by,
            built_at=utc_now(),
            as_of=today(self.settings),
            sealed_seq=ends_at.sealed_seq,
            watermark=dataclasses.asdict(ends_at),
            statement_counts=counts,
            working_id=self.frame("select id from run.identity").item(),
        )

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _build_rows(build: snapshot.Build) -> pl.DataFrame:
    shared = {
        name: getattr(build, name)
        for name in ("build_id", "run_id", "built_at", "as_of", "sealed_seq", "started_by")
    }
    rows = [{"tenant": t, **shared, "statement_count": n} for t, n in build.statement_counts.items()]
    columns: dict[str, Any] = {
        "tenant": pl.String,
        "build_id": pl.String,
        "run_id": pl.String,
        "built_at": pl.Datetime("us", "UTC"),
        "as_of": pl.Date,
        "sealed_seq": pl.Int64,
        "started_by": pl.String,
        "statement_count": pl.Int64,
    }
    return pl.DataFrame(rows, schema=columns)
