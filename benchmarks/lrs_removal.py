"""What removing persons from a large store and lake costs while the LRS serves, beside writing the whole lake anew once.

    python -m benchmarks.lrs_removal --statements 1000000 --persons 10

Each person has 500 statements, spread over 120 days. One client stores single statements all the time: its waits show what a removal
costs others. Results are printed, not kept; `--home` keeps the filled store, less what was removed, for another run.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks._load import served
from benchmarks._mix import KEY, LRS, SECRET, make_credential
from benchmarks.lrs_query import School, _fill

DAYS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=100_000, help="how many the store holds")
    parser.add_argument("--persons", type=int, default=4, help="how many persons go, 500 statements each")
    parser.add_argument("--home", type=Path, help="keep the filled store here, or use the one that is there")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="learnlake-")))
        os.environ["LEARNLAKE_HOME"] = str(home)
        _bench(home, School(arguments.statements), arguments.persons)


def _bench(home: Path, school: School, persons: int) -> None:
    from learnlake.identity import Identifier
    from learnlake.settings import get_settings
    from lrs import lake
    from lrs.removal import Selection, plan, remove

    if not (home / "lrs.db").exists():
        make_credential({})
    _fill(school, days=DAYS)
    settings = get_settings()
    lake.seal_once(settings)
    lake.compact(settings)
    print(
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {school.count} statements on {DAYS} days"
    )
    baseline = _rewrite(home)
    names = [school.account(number) for number in range(persons)]
    selection = Selection("default", agents=[Identifier.account(a["homePage"], a["name"]) for a in names])
    steps: dict[str, float] = {}
    with served([*LRS, "serve"], {}) as (port, _):
        with _writing(port) as alone:
            time.sleep(5)
        started = time.perf_counter()
        counted = plan(settings, selection)
        print(
            f"plan: {counted.statements} statements on {len(counted.days)} days, {time.perf_counter() - started:.1f} s"
        )
        with _writing(port) as beside:
            started, cpu = time.perf_counter(), time.process_time()
            removed = remove(
                settings,
                selection,
                progress=lambda step, done, of: steps.update({step: time.perf_counter() - started}),
            )
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(
        f"removed {removed.statements} statements and {removed.lake_rows} rows of the lake in {wall:.1f} s, CPU {cpu:.1f} s"
    )
    print("  " + ", ".join(f"{step} done after {seconds:.1f} s" for step, seconds in steps.items()))
    print(
        f"  baseline: the whole lake read and written anew once: {baseline[0]:.1f} s, CPU {baseline[1]:.1f} s"
    )
    for title, waits in (("before", alone), ("during", beside)):
        held = sorted(waits)
        print(
            f"  a client storing single statements {title}: {len(held)} requests, p50 {held[len(held) // 2] * 1000:.0f} ms,"
            f" p95 {held[int(len(held) * 0.95)] * 1000:.0f} ms, longest {held[-1] * 1000:.0f} ms"
        )
    lake.seal_once(settings)
    print(f"store = lake: {all(check.is_equal for check in lake.verify(settings))}")


def _rewrite(home: Path) -> tuple[float, float]:
    """(seconds, seconds of CPU) of reading every row of the lake and writing it to a table of its own."""
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    from lrs.delta import WRITER
    from lrs.lake_columns import PARTITION_BY

    started, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="learnlake-") as folder:
        dataset = DeltaTable(home / "lake" / "statements").to_pyarrow_dataset()
        rows = pa.RecordBatchReader.from_batches(dataset.schema, dataset.to_batches())
        write_deltalake(folder, rows, partition_by=PARTITION_BY, writer_properties=WRITER)
    return time.perf_counter() - started, time.process_time() - cpu


@contextlib.contextmanager
def _writing(port: int) -> Iterator[list[float]]:
    """A client that stores one statement after the other; how long each took, in seconds."""
    waits: list[float] = []
    is_over = threading.Event()
    headers = {
        "X-Experience-API-Version": "1.0.3",
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
    }

    def write() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not is_over.is_set():
            body = json.dumps(
                {
                    "id": str(uuid.uuid4()),
                    "actor": {"mbox": "mailto:writer@x.example"},
                    "verb": {"id": "http://v.example/v"},
                    "object": {"id": "http://x.example/o"},
                }
            )
            started = time.perf_counter()
            connection.request("POST", "/xapi/statements", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            waits.append(time.perf_counter() - started)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield waits
    finally:
        is_over.set()
        thread.join()


if __name__ == "__main__":
    main()
