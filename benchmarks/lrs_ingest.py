"""What storing a statement costs the server, beside two floors: bare HTTP that decodes the same JSON, and bare SQLite.

    python -m benchmarks.lrs_ingest --seconds 10

200 shapes of statement, 1 % of the requests refused for a broken rule, all validation on, every answer after fsync. The figure to
read is server CPU: it hardly depends on what else the machine does. Results are printed, not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._load import Measured, answer_everything, cycle, measure, request_bytes

KEY, SECRET = "bench", "bench"
SHAPES = 200
CONNECTIONS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
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
        _bench(arguments.seconds)


def _bench(seconds: float) -> None:
    headers = {
        "X-Experience-API-Version": "1.0.3",
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
    }
    draw = random.Random(1)
    made = [_shape(draw, number) for number in range(SHAPES)]
    single = _requests(draw, made, int(seconds * 6_000), 1, headers)
    batch = _requests(draw, made, int(seconds * 400), 50, headers)
    print(
        f"{SHAPES} shapes, mean size {sum(map(len, single)) // len(single)} bytes with headers; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(prefix="learnlake-bench-") as name:
        home = Path(name)
        for title, size, requests in (("single POST", 1, single), ("batch of 50", 50, batch)):
            print(f"\n{title}, {CONNECTIONS} connections")
            for label, command in (
                ("generator's ceiling", [*_SELF, "--role", "ceiling"]),
                ("floor: HTTP + JSON", [*_SELF, "--role", "bare"]),
                ("LRS", [sys.executable, "-m", "cli.main", "lrs", "serve"]),
            ):
                with _server(command, home) as (port, pid):
                    sent = requests if label == "LRS" else cycle(requests, len(requests))
                    _print(
                        label,
                        size,
                        asyncio.run(measure(port, pid, sent, connections=CONNECTIONS, seconds=seconds)),
                    )
        _bare_sqlite(home / "bare.db", home / "lrs.db")


_SELF = [sys.executable, "-m", "benchmarks.lrs_ingest"]


def _print(label: str, size: int, seen: Measured) -> None:
    statements = seen.requests * size
    refused = seen.statuses.get(400, 0) / max(1, seen.requests)
    others = {status: count for status, count in seen.statuses.items() if status not in (200, 400)}
    print(
        f"  {label:20} {seen.requests / seen.seconds:9.0f} requests/s {statements / seen.seconds:9.0f} statements/s"
        f"   server CPU {seen.server_cpu / seen.requests * 1000:7.3f} ms/request {seen.server_cpu / statements * 1000:7.4f} ms/statement"
        f"   p50 {seen.percentile_ms(0.5):6.1f} p95 {seen.percentile_ms(0.95):6.1f} ms"
        f"   refused {refused:.1%}" + (f"   other answers {others}" if others else "")
    )


def _bare_sqlite(target: Path, source: Path) -> None:
    """The floor of storage: the rows and index rows that the LRS has just written, in the same groups, with the same fsync."""
    with contextlib.closing(sqlite3.connect(source)) as connection:
        rows = connection.execute(
            "select seq, tenant, id, stored, is_voided, credential, raw from statement order by seq limit 50000"
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
    print("\nfloor: SQLite with the same rows, index rows and fsync")
    for size in (1, 50, 500):
        target.unlink(missing_ok=True)
        taken = rows[: 50_000 if size > 1 else 5_000]
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
        print(
            f"  commits of {size:<4}  {len(taken) / wall:9.0f} statements/s   CPU {cpu / len(taken) * 1000:7.4f} ms/statement"
        )
    print(
        f"  on disk: {source.stat().st_size / max(1, len(rows)):.0f} bytes per statement among the first {len(rows)}"
        if len(rows) < 50_000
        else ""
    )


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


@contextlib.contextmanager
def _server(command: list[str], home: Path) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {**os.environ, "LEARNLAKE_HOME": str(home)}
    if "cli.main" in command and not (home / "lrs.db").exists():
        made = ["credential", "create", "--name", "bench", "--key", KEY, "--secret", SECRET]
        subprocess.run(
            [sys.executable, "-m", "cli.main", "lrs", *made],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    process = subprocess.Popen([*command, "--port", str(port)], env=environment)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _shape(draw: random.Random, number: int) -> dict[str, Any]:
    """One of the shapes: which parts a statement has, how long its texts are, how its actor is identified."""
    actor: dict[str, Any] = {
        "objectType": "Agent",
        "account": {"homePage": "https://school.example", "name": f"s{number}"},
    }
    if number % 5 == 1:
        actor = {"mbox": f"mailto:s{number}@school.example", "name": "A learner"}
    if number % 25 == 2:
        actor = {
            "objectType": "Group",
            "name": "Group",
            "member": [{"mbox": f"mailto:{n}@school.example"} for n in range(4)],
        }
    statement: dict[str, Any] = {
        "actor": actor,
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/verb-{number % 12}", "display": {"en-US": "did"}},
        "object": {
            "objectType": "Activity",
            "id": f"https://school.example/items/{number}",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
                "name": {"en-US": f"Item {number}", "de": f"Aufgabe {number}"},
                "description": {"en-US": "x" * draw.randrange(20, 200)},
            },
        },
        "timestamp": "2026-01-31T09:30:00.123Z",
    }
    if number % 3:
        statement["result"] = {
            "success": bool(number % 2),
            "response": "y" * draw.randrange(1, 60),
            "duration": "PT12.5S",
            "score": {"scaled": 0.5},
        }
    if number % 4:
        grouping = [
            {
                "id": f"https://school.example/courses/{number % 20}",
                "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
            }
        ]
        statement["context"] = {
            "platform": "app",
            "contextActivities": {
                "grouping": grouping,
                "category": [{"id": "https://w3id.org/learnlake/xapi"}],
            },
            "extensions": {"https://w3id.org/learnlake/xapi/extensions/skills": ["a", "b"]},
        }
    return statement


def _requests(
    draw: random.Random, made: list[dict[str, Any]], count: int, size: int, headers: dict[str, str]
) -> list[bytes]:
    requests = []
    texts = [json.dumps(shape)[1:] for shape in made]
    for number in range(count):
        statements = [
            f'{{"id": "{uuid.UUID(int=draw.getrandbits(128), version=4)}", {draw.choice(texts)}'
            for _ in range(size)
        ]
        if number % 100 == 99:
            statements[-1] = statements[-1].replace("http://adlnet.gov/expapi/verbs/", "no iri ", 1)
        body = statements[0] if size == 1 else f"[{', '.join(statements)}]"
        requests.append(request_bytes("/xapi/statements", body.encode(), headers))
    return requests


if __name__ == "__main__":
    main()
