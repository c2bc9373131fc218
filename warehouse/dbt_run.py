"""Running dbt inside this process: the manifest parsed once, each run with its own values of the vars.

Which vars there are is in `docs/architecture.md`; what they should be is `warehouse.build`'s business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from learnlake.errors import PipelineError
from learnlake.home import Home
from learnlake.settings import TELEMETRY_OFF, Settings
from warehouse.watermark import DBT_PROJECT

MANIFEST = "manifest.json"
_manifests: dict[Path, Any] = {}

Progress = Callable[[str, int, int], None]
"""Called after each model with its name, how many are done and how many there are."""


@dataclasses.dataclass(frozen=True)
class ModelRun:
    """One model of a run: `status` is dbt's (success, error, skipped), `message` what DuckDB said."""

    name: str
    status: str
    seconds: float
    message: str


def build(
    home: Home,
    settings: Settings,
    variables: Mapping[str, Any],
    *,
    working_file: Path,
    is_full_refresh: bool = False,
    on_progress: Progress | None = None,
) -> tuple[ModelRun, ...]:
    """Run seeds and models on `working_file`, which nobody else in this process may have open.

    Raises PipelineError naming each model that failed; models that did not depend on it have run.
    """
    from dbt.cli.main import dbtRunner

    arguments = ["build", *(["--full-refresh"] if is_full_refresh else []), "--no-write-json"]
    for kind in ("test", "unit_test") if is_full_refresh else ("test", "unit_test", "seed"):
        arguments += [
            "--exclude-resource-type",
            kind,
        ]  # a seed that changes makes the next run a full refresh
    with _environment(home, settings, working_file):
        try:
            manifest = _manifest()
            if not (target(home) / MANIFEST).exists():  # another home folder's parse wrote it there
                manifest.write(str(target(home) / MANIFEST))
            callbacks = [_counting(on_progress)] if on_progress else []
            answer = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(
                [*arguments, *_flags()], vars=dict(variables)
            )
        finally:
            let_go()
    return _judged(answer)


def parse(home: Home, settings: Settings) -> Path:
    """Read the project and answer where dbt has written its manifest; `build` then needs not parse it again."""
    with _environment(home, settings, home.working_file):
        _manifest()
    return target(home) / MANIFEST


def target(home: Home) -> Path:
    """Where dbt keeps what it has parsed. It holds absolute paths, so a checkout that has moved gets a folder of its own."""
    place = hashlib.sha256(str(DBT_PROJECT).encode()).hexdigest()[:8]
    return home.warehouse / f"dbt-{place}"


def _flags() -> list[str]:
    project = str(DBT_PROJECT)
    return [
        "--project-dir",
        project,
        "--profiles-dir",
        project,
        "--log-level",
        "none",
        "--no-use-colors",
        "--log-level-file",
        "info",
    ]


def _manifest() -> Any:
    """The parsed project: read from dbt's partial parse where no file changed, kept for this process's later runs."""
    from dbt.cli.main import dbtRunner

    if DBT_PROJECT not in _manifests:
        answer = dbtRunner().invoke(["parse", *_flags()])
        if not answer.success:
            raise PipelineError(
                f"The dbt project cannot be parsed: {answer.exception}",
                where=str(DBT_PROJECT),
                mend="`dbt parse --project-dir dbt_project` shows the same",
            )
        _manifests[DBT_PROJECT] = answer.result
    return _manifests[DBT_PROJECT]


@contextlib.contextmanager
def _environment(home: Home, settings: Settings, working_file: Path) -> Iterator[None]:
    values = TELEMETRY_OFF | {
        "LEARNLAKE_WORKING_FILE": str(working_file),
        "LEARNLAKE_DUCKDB_MEMORY_LIMIT": settings.duckdb_memory_limit,
        "LEARNLAKE_DUCKDB_THREADS": str(settings.duckdb_threads),
        "DBT_TARGET_PATH": str(target(home)),
        "DBT_LOG_PATH": str(home.logs),
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def let_go() -> None:
    """Close dbt's connection to the working file: the adapter keeps it open for the life of the process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    DuckDBConnectionManager.close_all_connections()
    if environment is not None:
        environment.close()


def _counting(on_progress: Progress) -> Callable[[Any], None]:
    def heard(event: Any) -> None:
        if event.info.name in {"LogModelResult", "LogSeedResult"}:
            on_progress(event.data.node_info.node_name, event.data.index, event.data.total)

    return heard


def _judged(answer: Any) -> tuple[ModelRun, ...]:
    if answer.exception is not None:
        raise PipelineError(
            f"dbt could not run: {answer.exception}", mend="see dbt.log in the home folder's logs"
        )
    runs = tuple(
        ModelRun(
            result.node.name, str(result.status), float(result.execution_time), str(result.message or "")
        )
        for result in answer.result.results
    )
    if not answer.success:
        failed = [f"{run.name}: {run.message}" for run in runs if run.status in {"error", "fail"}]
        raise PipelineError(
            f"{len(failed)} model(s) failed.",
            where="\n         ".join(failed),
            mend="mend the model or the rows it names; the next run takes the same statements again",
        )
    return runs
