"""What storing a statement costs the server, beside two floors of the same run: HTTP that decodes the same JSON, and bare SQLite.

    python -m benchmarks.lrs_ingest --seconds 10 [--cold] [--postgresql]

200 shapes of statement, 1 % of the requests refused for a broken rule, all validation on, every answer after fsync. The figure to
read is server CPU: it hardly depends on what else the machine does. Results are printed, not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import os
import re
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks._load import (
    answer_everything,
    cpu_seconds,
    free_port,
    measure,
    peak_memory_bytes,
    served,
)
from benchmarks._mix import ITEMS, LEARNERS, LRS, SHAPES, make_credential, requests

CONNECTIONS = 64
_SELF = [sys.executable, "-m", "benchmarks.lrs_ingest"]


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """One kind of request, and the most server CPU that it may cost (milliseconds per statement)."""

    title: str
    size: int
    requests: Sequence[bytes]
    target_ms: float


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """Server CPU in milliseconds per statement, and in how large commits the statements were stored."""

    cpu_ms: float
    commit_size: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    parser.add_argument("--cold", action="store_true", help="no learner and no item comes twice")
    parser.add_argument("--postgresql", action="store_true", help="also on a PostgreSQL server of its own")
    parser.add_argument(
        "--role", choices=["bench", "bare", "ceiling"], default="bench", help=argparse.SUPPRESS
    )
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "ceiling":
        asyncio.run(answer_everything(arguments.port))
    elif arguments.role == "bare":
        asyncio.run(_serve_bare(arguments.port))
    else:
        _bench(arguments.seconds, is_cold=arguments.cold, with_postgres=arguments.postgresql)


def _bench(seconds: float, *, is_cold: bool, with_postgres: bool) -> None:
    loads = [
        Load("single POST", 1, requests(int(seconds * 6_000), 1, is_cold=is_cold), 0.3),
        Load("batch of 50", 50, requests(int(seconds * 400), 50, is_cold=is_cold), 0.1),
    ]
    single = loads[0].requests
    repeats = "none comes twice" if is_cold else f"{LEARNERS} learners and {ITEMS} items"
    print(
        f"{SHAPES} shapes, {repeats}; mean size {sum(map(len, single)) // len(single)} bytes with headers; "
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {CONNECTIONS} connections"
    )
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="learnlake-bench-")))
        postgres = stack.enter_context(_postgres()) if with_postgres else None
        for load in loads:
            print(f"\n{load.title}")
            _run("generator's ceiling", load, [*_SELF, "--role", "ceiling"], {}, seconds)
            http = _run("floor: HTTP + JSON", load, [*_SELF, "--role", "bare"], {}, seconds)
            store = home / f"sqlite-{load.size}" / "lrs.db"
            sqlite = {"LEARNLAKE_HOME": str(store.parent), "LEARNLAKE_DATABASE_URL": f"sqlite:///{store}"}
            lrs = _run("LRS on SQLite", load, [*LRS, "serve"], sqlite, seconds)
            storage = _bare_sqlite(home / "bare.db", store, round(lrs.commit_size))
            print(
                f"  LRS on SQLite: {lrs.cpu_ms:.3f} ms CPU per statement (wanted: under {load.target_ms}), "
                f"{lrs.cpu_ms / http.cpu_ms:.1f} times the floor of HTTP, {lrs.cpu_ms / storage:.1f} times the floor of storage, "
                f"{lrs.cpu_ms / (http.cpu_ms + storage):.1f} times both together"
            )
            if postgres:
                shared = {
                    "LEARNLAKE_HOME": str(home / f"postgres-{load.size}"),
                    "LEARNLAKE_DATABASE_URL": postgres[0](f"size_{load.size}"),
                }
                before, done = cpu_seconds(postgres[1]), time.perf_counter()
                lrs = _run("LRS on PostgreSQL", load, [*LRS, "serve"], shared, seconds)
                spent, wall = cpu_seconds(postgres[1]) - before, time.perf_counter() - done
                print(f"  PostgreSQL's own CPU: {spent:.2f} s in {wall:.1f} s, start of the LRS included")


def _run(label: str, load: Load, command: list[str], environment: dict[str, str], seconds: float) -> Cost:
    is_lrs = command[: len(LRS)] == LRS
    if is_lrs:
        make_credential(environment)
    with served(command, environment) as (port, pid):
        seen = asyncio.run(measure(port, pid, load.requests, connections=CONNECTIONS, seconds=seconds))
        memory = peak_memory_bytes(pid)
        commit_size = _commit_size(port) if is_lrs else 0.0
    statements = seen.requests * load.size
    refused = seen.statuses.get(400, 0) / max(1, seen.requests)
    others = {status: count for status, count in seen.statuses.items() if status not in (200, 400)}
    print(
        f"  {label:20} {seen.requests / seen.seconds:8.0f} requests/s {statements / seen.seconds:8.0f} statements/s"
        f"   server CPU {seen.server_cpu / seen.requests * 1000:7.3f} ms/request {seen.server_cpu / statements * 1000:7.4f} ms/statement"
        f"   p50 {seen.percentile_ms(0.5):6.1f} p95 {seen.percentile_ms(0.95):6.1f} ms   refused {refused:.1%}"
        f"   memory at most {memory / 2**20:.0f} MiB"
        + (f"   commits of {commit_size:.0f}" if commit_size else "")
        + (f"   other answers {others}" if others else ""),
        flush=True,
    )
    return Cost(seen.server_cpu / statements * 1000, commit_size)


def _commit_size(port: int) -> float:
    """How many statements rode in one commit on average, by the LRS's own count."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        counts = dict(re.findall(r"^(lrs_commit_\w+) (\S+)$", answer.read().decode(), re.MULTILINE))
    return float(counts["lrs_commit_statements_sum"]) / max(1.0, float(counts["lrs_commit_statements_count"]))


def _bare_sqlite(target: Path, source: Path, commit_size: int) -> float:
    """The floor of storage: the rows and index rows that the LRS has just written, in groups of its size, with the same fsync.

    CPU in milliseconds per statement.
    """
    with contextlib.closing(sqlite3.connect(source)) as connection:
        rows = connection.execute(
            "select seq, tenant, id, stored, is_voided, credential, raw from statement order by seq limit 30000"
        ).fetchall()
        links: dict[int, list[tuple[int, int]]] = {}
        for key, seq in connection.execute("select key, seq from link where seq <= ?", (rows[-1][0],)):
            links.setdefault(seq, []).append((key, seq))
        schema = [
            sql
            for (sql,) in connection.execute(
                "select sql from sqlite_master where tbl_name in ('statement', 'link') and sql is not null"
            )
        ]
    costs = []
    for size in (1, commit_size):
        target.unlink(missing_ok=True)
        taken = rows[: 30_000 if size > 1 else 3_000]
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=full")
            for sql in schema:
                connection.execute(sql)
            cpu, wall = time.process_time(), time.perf_counter()
            for start in range(0, len(taken), size):
                group = taken[start : start + size]
                connection.execute("begin immediate")
                connection.executemany("insert into statement values (?, ?, ?, ?, ?, ?, ?)", group)
                connection.executemany(
                    "insert into link values (?, ?)", sorted(pair for row in group for pair in links[row[0]])
                )
                connection.execute("commit")
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        costs.append(cpu / len(taken) * 1000)
        print(
            f"  floor: bare SQLite, the same rows, index rows and fsync, commits of {size:<4} {len(taken) / wall:8.0f} statements/s"
            f"   CPU {costs[-1]:7.4f} ms/statement"
        )
    return costs[-1]


@contextlib.contextmanager
def _postgres() -> Iterator[tuple[Any, int]]:
    """Makes a database by name, and the process id, of a PostgreSQL server that lives as long as the benchmark."""
    import psycopg

    from tests.lrs.postgres_server import create_database, postgres_server

    with postgres_server(free_port()) as server:
        with psycopg.connect(f"{server}/postgres") as connection:
            ((backend,),) = connection.execute("select pg_backend_pid()").fetchall()
            stat = Path(f"/proc/{backend}/stat").read_text()
        yield lambda name: create_database(server, name), int(stat.rpartition(")")[2].split()[1])


async def _serve_bare(port: int) -> None:
    """ASGI under the same server, decoding the same JSON and doing nothing with it."""
    import msgspec
    from granian.constants import Interfaces
    from granian.server.embed import Server

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        msgspec.json.decode(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"[]"})

    await Server(
        app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
    ).serve()


if __name__ == "__main__":
    main()
