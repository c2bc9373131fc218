"""How long the marts take: full build, nothing new, 1 % new, one small batch; publishing; the queries behind every page.

The whole pipeline (discover, quarantine, transform, check, score, publish) over generated statements of 20,000 students, beside DuckDB reading
the same Parquet files. `python -m benchmarks.marts --statements 10000000`
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import _district
from benchmarks._district import BEGIN, END, TENANT
from learnlake.settings import Settings
from people.db import open_people
from people.sessions import Viewer
from pipelines import stages
from warehouse import lake, snapshot
from warehouse.door import Door
from warehouse.tables import literal

ROUNDS = 5
DEAREST = 12
SMALL_BATCH = 1_000
P95_LIMIT_MS = 300
JOURNEY_LIMIT_SECONDS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--students", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where the files go; removed afterwards")
    options = parser.parse_args()
    os.environ.setdefault("STREAMLIT_LOGGER_LEVEL", "error")
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="learnlake-marts-") as name:
        settings = Settings(LEARNLAKE_HOME=Path(name), today=END)  # type: ignore[call-arg]
        settings.home.create()
        run(settings, count=options.statements, students=options.students)


def run(settings: Settings, *, count: int, students: int) -> None:
    """Everything, in order, printed as it comes."""
    term = (END - BEGIN).days - 7
    who = _district.enrol(settings, students)
    timed("lake written (not the pipeline's work)", lambda: append(settings, count, students, 0, term))
    print(f"{'lake':42} {mebibytes(settings.home.lake_statements):7,.0f} MiB in {len(files(settings))} files")

    full = pipeline(settings, f"full build of {count:,} statements")
    empty = pipeline(settings, "nothing new, all stages")
    append(settings, count // 100, students, term, 3)
    more = pipeline(settings, f"1 % new ({count // 100:,} statements)")
    print(
        f"{'  without the cost of an empty run':42} {more - empty:7.1f} s = {100 * (more - empty) / full:.1f} % of the full build"
    )
    append(settings, SMALL_BATCH, students, term + 3, 0.01)
    newest = lake.sealed_seq(settings.home) - SMALL_BATCH
    journey = pipeline(settings, f"{SMALL_BATCH:,} statements, seal to snapshot")
    print(
        f"{'  wanted: under':42} {JOURNEY_LIMIT_SECONDS:7.1f} s; {journey - empty:.1f} s of it above an empty run"
    )
    bare(settings, newest)
    pages(settings, who)
    baseline(settings)


def append(settings: Settings, count: int, students: int, from_day: float, days: float) -> None:
    first = lake.sealed_seq(settings.home) + 1
    _district.append(settings, first, count, students=students, from_day=from_day, days=days)


def pipeline(settings: Settings, what: str) -> float:
    """One run of all stages, each timed; answer its seconds."""
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    models: dict[str, float] = {}
    spent = [0.0]

    def heard(stage: str, done: int, total: int, thing: str) -> None:
        began.setdefault(stage, time.perf_counter())
        ended[stage] = time.perf_counter()
        if (
            stage == "transform" and done
        ):  # one model at a time: what has been spent since the last one is this one's
            models[thing] = time.process_time() - spent[0]
        spent[0] = time.process_time()

    def work() -> None:
        with stages.opened(settings, run_id=str(uuid.uuid4()), started_by="benchmark") as working:
            stages.discover(working, progress=heard)
            stages.quarantine(working, progress=heard)
            stages.transform(working, progress=heard)
            stages.check(working, progress=heard)
            stages.score(working, progress=heard)
            stages.publish(working, progress=heard)

    seconds = timed(what, work)
    parts = ", ".join(f"{stage} {ended[stage] - began[stage]:.1f}" for stage in began)
    with snapshot.holding(settings.home) as held:
        size, copied = mebibytes(held.folder), held.build.copied.get(TENANT, [])
        marts = len(held.build.marts)
    dearest = sorted(models.items(), key=lambda item: -item[1])[:DEAREST]
    print(f"{'':42} {parts}")
    print(f"{'':42} CPU seconds by model: {', '.join(f'{name} {cost:.1f}' for name, cost in dearest)}")
    print(
        f"{'':42} snapshot {size:,.0f} MiB, {len(copied)} of {marts} marts copied, working file {mebibytes(settings.home.working_file):,.0f} MiB"
    )
    return seconds


def pages(settings: Settings, who: dict[str, str]) -> None:
    """Render every page as its role and time the queries that it asks; p95 per page and of all."""
    from streamlit.logger import set_log_level

    from dashboards.menu import PAGES
    from dashboards.visit import Visit

    set_log_level("error")
    taken: list[float] = []
    engine = open_people(settings)
    for spec in PAGES:
        role = spec.roles[0]
        viewer = Viewer(1, who[role], TENANT, role, (role,), role)
        page: list[float] = []
        with Door(settings, viewer, engine=engine) as door, clocked(door, page):
            for _ in range(ROUNDS):
                problem = rendered(spec.render, Visit(settings, viewer, "", door, door.build()))
        if page:
            print(f"page {spec.path:37} {p95(page):7.0f} ms p95 of {len(page)} queries{problem}")
        taken += page
    engine.dispose()
    print(
        f"{'all pages':42} {p95(taken):7.0f} ms p95, {statistics.median(taken):.0f} ms median (wanted: p95 under {P95_LIMIT_MS})"
    )


def rendered(render: Callable[[Any], object], visit: object) -> str:
    """Run a page outside of Streamlit's server; what kept it from its end, if anything did."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            render(visit)
        except Exception as error:  # a page may want its session; the queries before that have been timed
            return f", stopped by {type(error).__name__}"
    return ""


@contextlib.contextmanager
def clocked(door: Door, taken: list[float]) -> Iterator[None]:
    """Put the milliseconds of each query of `door` into `taken`."""
    ask = door.sql

    def sql(query: str, params: Any = None) -> Any:
        start = time.perf_counter()
        try:
            return ask(query, params)
        finally:
            taken.append(1000 * (time.perf_counter() - start))

    door.sql = sql  # type: ignore[method-assign]
    yield


def p95(taken: list[float]) -> float:
    return sorted(taken)[int(0.95 * (len(taken) - 1))] if taken else 0.0


def baseline(settings: Settings) -> None:
    """DuckDB on the lake's files, without any warehouse: what a mart must be quicker than, and what reading alone costs."""
    listed = ", ".join(map(literal, files(settings)))
    source = f"read_parquet([{listed}], hive_partitioning = true)"
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {settings.duckdb_threads}; set timezone = 'UTC'")
        timed(
            "baseline: read every column once",
            lambda: connection.execute(f"select {_every(connection, source)} from {source}").fetchall(),
        )
        weekly = (
            f"select actor_key, datediff('day', date '{BEGIN}', \"timestamp\"::date) // 7 as week, count(*), count(result_success),"
            f" count_if(result_success), avg(score_scaled), sum(least(duration_seconds, 1800)) from {source} group by all"
        )
        timed("baseline: a student-week measure on Parquet", lambda: connection.execute(weekly).fetchall())
    with snapshot.holding(settings.home) as held:
        path = str(snapshot.tenant_file(held.folder, TENANT))
        with duckdb.connect(path, read_only=True) as connection:
            timed(
                "the same from msr_student_week",
                lambda: connection.execute(
                    "select person_key, week_index, event_count, attempt_count, correct_count, score_sum, minutes_active from msr_student_week"
                ).fetchall(),
            )


def bare(settings: Settings, newest: int) -> None:
    """What the bare engine takes for the small batch: its files found, read and added up by student and week, no history, no roster, no checks."""
    found = lake.open_lake(settings.home).files_after(newest)
    query = (
        f"select actor_key, datediff('day', date '{BEGIN}', \"timestamp\"::date) // 7 as week, count(*), count_if(result_success)"
        f" from read_parquet([{', '.join(map(literal, found))}], hive_partitioning = true) where seq > {newest} group by all"
    )
    with duckdb.connect() as connection:
        timed("baseline: the small batch by the bare engine", lambda: connection.execute(query).fetchall())


def _every(connection: duckdb.DuckDBPyConnection, source: str) -> str:
    names = [row[0] for row in connection.execute(f"describe from {source}").fetchall()]
    return ", ".join(f'max(hash("{name}"))' for name in names)


def timed(what: str, work: Callable[[], Any]) -> float:
    start, cpu = time.perf_counter(), time.process_time()
    work()
    wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{what:42} {wall:7.1f} s wall {time.process_time() - cpu:7.1f} s CPU   peak {peak:.1f} GiB",
        flush=True,
    )
    return wall


def files(settings: Settings) -> list[str]:
    return lake.open_lake(settings.home).files_after(0)


def mebibytes(path: Path) -> float:
    """Size of a file or a folder."""
    return (
        sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()) / 2**20
    )


if __name__ == "__main__":
    main()
