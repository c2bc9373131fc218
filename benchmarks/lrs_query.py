"""What finding statements costs in a large store, beside a bare server that answers as many bytes.

    python -m benchmarks.lrs_query --statements 1000000 --seconds 5

The store is filled in-process through the store's own append: 200 shapes, a learner for every 500 statements, a course for every
5,000, an item for every 1,000, twelve verbs. With ten times the statements an answer is as large, and should cost the same.
Results are printed, not kept; `--home` keeps the filled store for another run.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import dataclasses
import http.client
import json
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from benchmarks._load import Measured, measure, served
from benchmarks._mix import KEY, LRS, SECRET, SHAPES, make_credential, shape

CONNECTIONS = 16
_BATCH = 500
_HEADERS = {
    "Host": "localhost",
    "X-Experience-API-Version": "1.0.3",
    "Authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
}
_BARE = "learnlake-bare"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=200_000, help="how many the store holds")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    parser.add_argument("--home", type=Path, help="keep the filled store here, or use the one that is there")
    parser.add_argument("--lake", action=argparse.BooleanOptionalAction, default=True, help="seal it as well")
    parser.add_argument("--role", choices=["bench", _BARE], default="bench", help=argparse.SUPPRESS)
    parser.add_argument("--bytes", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == _BARE:
        asyncio.run(_serve_bytes(arguments.port, arguments.bytes))
        return
    with contextlib.ExitStack() as stack:
        home = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="learnlake-")))
        os.environ["LEARNLAKE_HOME"] = str(home)
        _bench(home, arguments.statements, arguments.seconds, with_lake=arguments.lake)


def _bench(home: Path, count: int, seconds: float, *, with_lake: bool) -> None:
    if not (home / "lrs.db").exists():
        make_credential({})
    school = School(count)
    _fill(school)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {CONNECTIONS} connections")
    size = sum(path.stat().st_size for path in home.glob("lrs.db*"))
    print(f"store: {count} statements, {size / count:.0f} bytes each")
    if with_lake:
        _print_lake(home, count)
    measured: list[tuple[str, int, Measured]] = []
    with served([*LRS, "serve"], {}) as (port, pid):
        for title, paths in _questions(school, port).items():
            sent = [_get(path) for path in paths]
            asyncio.run(measure(port, pid, sent[:50], connections=CONNECTIONS, seconds=seconds))  # warm
            seen = asyncio.run(measure(port, pid, sent, connections=CONNECTIONS, seconds=seconds))
            measured.append((title, _mean_bytes(port, paths), seen))
    for title, answer_bytes, seen in measured:
        command = [
            sys.executable,
            "-m",
            "benchmarks.lrs_query",
            "--role",
            _BARE,
            "--bytes",
            str(answer_bytes),
        ]
        with served(command, {}) as (port, pid):
            requests = [_get("/")] * max(1000, seen.requests)
            bare = asyncio.run(measure(port, pid, requests, connections=CONNECTIONS, seconds=seconds / 2))
        _print(title, answer_bytes, seen)
        _print("    bare server, same bytes", answer_bytes, bare)


def _print(title: str, answer_bytes: int, seen: Measured) -> None:
    others = {status: count for status, count in seen.statuses.items() if status != 200}
    print(
        f"{title:44} {answer_bytes:7} bytes {seen.requests / seen.seconds:7.0f}/s  p50 {seen.percentile_ms(0.5):7.2f}"
        f"  p95 {seen.percentile_ms(0.95):7.2f} ms  server CPU {seen.server_cpu / max(1, seen.requests) * 1000:6.3f} ms"
        + (f"  other answers {others}" if others else "")
    )


@dataclasses.dataclass(slots=True)
class School:
    """Who and what the statements speak of; everything is drawn from seeds, so that questions can be made without the store."""

    count: int

    @property
    def learners(self) -> int:
        return max(10, self.count // 500)

    @property
    def items(self) -> int:
        return max(10, self.count // 1000)

    @property
    def courses(self) -> int:
        return max(4, self.count // 5000)

    def statements(self) -> Iterator[dict[str, Any]]:
        draw = random.Random(7)
        shapes = [shape(random.Random(number), number) for number in range(SHAPES)]
        for _ in range(self.count):
            learner = draw.randrange(self.learners)
            course = learner % self.courses if draw.random() < 0.8 else draw.randrange(self.courses)
            statement = dict(draw.choice(shapes))
            statement["id"] = str(uuid.UUID(int=draw.getrandbits(128), version=4))
            statement["actor"] = {"objectType": "Agent", "account": self.account(learner)}
            statement["object"] = {**statement["object"], "id": self.item(draw.randrange(self.items))}
            context = dict(statement.get("context", {}))
            context["registration"] = self.registration(learner)
            context["instructor"] = {"account": self.account(-1 - course)}
            context["contextActivities"] = {"grouping": [{"id": self.course(course)}]}
            statement["context"] = context
            yield statement

    def account(self, number: int) -> dict[str, str]:
        return {"homePage": "https://school.example", "name": f"p{number}"}

    def item(self, number: int) -> str:
        return f"https://school.example/items/{number}"

    def course(self, number: int) -> str:
        return f"https://school.example/courses/{number}"

    def registration(self, learner: int) -> str:
        return str(uuid.UUID(int=learner + 2**127))


def _fill(school: School, *, days: int = 0) -> None:
    """Through the store's own append, in commits of 500; goes on where an earlier run stopped.

    `days`: spread evenly over so many days up to now, instead of all being stored now.
    """
    from learnlake.settings import get_settings
    from lrs.credentials import list_
    from lrs.statement import Version
    from lrs.statement.prepare import KeyMaker, prepare
    from lrs.store.activities import Definitions
    from lrs.store.append import Batch, append
    from lrs.store.database import open_database
    from lrs.store.store import index_secret

    settings = get_settings()
    database = open_database(settings)
    keys, definitions = KeyMaker(index_secret(database)), Definitions()
    credential = next(item for item in list_(settings) if item.key == KEY)
    authority_json = msgspec.Raw(msgspec.json.encode(credential.authority))
    started = time.perf_counter()
    with contextlib.closing(database.connect()) as connection:
        ((there,),) = connection.rows("select last_seq from sequence")
        if there >= school.count:
            return
        if days:
            span = days * 86_400_000_000
            oldest = time.time_ns() // 1000 - span
            connection.clock = lambda: oldest + span * number // school.count  # type: ignore[method-assign]
        batch: list[Any] = []
        number = 0
        for number, statement in enumerate(school.statements(), start=1):
            if number <= there:
                continue
            batch.append(
                prepare(
                    msgspec.json.encode(statement),
                    statement,
                    [
                        *keys.parts(credential.tenant, statement),
                        keys.part(credential.tenant, "authority", credential.authority),
                    ],
                    version=Version.V1,
                    authority_json=authority_json,
                )
            )
            if len(batch) == _BATCH or number == school.count:
                append(
                    connection,
                    [Batch(credential.tenant, credential.number, batch)],
                    lambda tenant, raw: [],  # asked only for statements that refer to others; there are none
                    definitions,
                    above=0,
                )
                batch = []
            if number % 50_000 == 0:
                rate = (number - there) / (time.perf_counter() - started)
                print(
                    f"\r  filled {number} of {school.count}, {rate:.0f}/s ",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
    print(file=sys.stderr)


def _print_lake(home: Path, count: int) -> None:
    """Seal what is there and compact it, in a process of its own as an operator would."""
    from learnlake.settings import get_settings
    from lrs import lake

    started, cpu = time.perf_counter(), time.process_time()
    report = lake.seal_once(get_settings())
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    if report.count:
        print(f"lake: sealed {report.count} in {wall:.0f} s, CPU {cpu / report.count * 1000:.3f} ms each")
    started = time.perf_counter()
    lake.compact(get_settings())
    size = sum(path.stat().st_size for path in (home / "lake" / "statements").rglob("*.parquet"))
    live = lake.size_bytes(get_settings().home)
    print(
        f"lake: {live / count:.0f} bytes each ({size / count:.0f} with replaced files), compacted in {time.perf_counter() - started:.1f} s"
    )


def _questions(school: School, port: int) -> dict[str, list[str]]:
    """The addresses to ask, per title. Verbs, learners, courses are drawn evenly."""
    draw = random.Random(11)
    ids = [s["id"] for number, s in zip(range(20_000), school.statements(), strict=False) if number % 4 == 0]
    newest = _json(port, _path(limit=1))["statements"][0]["stored"]
    oldest = _json(port, _path(limit=1, ascending="true"))["statements"][0]["stored"]
    middle = oldest[:19] + "Z" if oldest[:19] == newest[:19] else _middle(oldest, newest)

    def agent(number: int) -> str:
        return json.dumps({"account": school.account(number)})

    def some(count: int, make: Any) -> list[str]:
        return [make() for _ in range(count)]

    def verb() -> str:
        return f"http://adlnet.gov/expapi/verbs/verb-{draw.randrange(12)}"

    learner = lambda: agent(draw.randrange(school.learners))  # noqa: E731
    course = lambda: draw.randrange(school.courses)  # noqa: E731
    walk: list[str] = []
    while len(walk) < 300:
        page = _json(port, _path(activity=school.course(course()), related_activities="true", limit=100))
        while page["more"] and len(walk) < 300:
            walk.append(page["more"])
            page = _json(port, page["more"])
    return {
        "by id": [_path(statementId=draw.choice(ids)) for _ in range(20_000)],
        "agent + verb + since, limit 100": some(
            4000, lambda: _path(agent=learner(), verb=verb(), since=middle, limit=100)
        ),
        "agent, limit 100": some(2000, lambda: _path(agent=learner(), limit=100)),
        "related_agents (instructor), limit 100": some(
            2000, lambda: _path(agent=agent(-1 - course()), related_agents="true", limit=100)
        ),
        "related_activities (course), limit 100": some(
            2000, lambda: _path(activity=school.course(course()), related_activities="true", limit=100)
        ),
        "activity, limit 100": some(
            2000, lambda: _path(activity=school.item(draw.randrange(school.items)), limit=100)
        ),
        "registration, limit 100": some(
            2000, lambda: _path(registration=school.registration(draw.randrange(school.learners)), limit=100)
        ),
        "walk of more, 100 a page": [draw.choice(walk) for _ in range(2000)],
        "verb + since far back, ascending, limit 100": some(
            2000, lambda: _path(verb=verb(), since=oldest, ascending="true", limit=100)
        ),
        "two frequent keys that never meet": some(
            2000,
            lambda: _path(verb=verb(), agent=agent(-1 - course()), since=oldest, ascending="true", limit=100),
        ),
        "verb + course (related_activities), limit 100": some(
            2000,
            lambda: _path(
                verb=verb(), activity=school.course(course()), related_activities="true", limit=100
            ),
        ),
    }


def _middle(oldest: str, newest: str) -> str:
    import datetime as dt

    low, high = dt.datetime.fromisoformat(oldest), dt.datetime.fromisoformat(newest)
    return (low + (high - low) / 2).isoformat().replace("+00:00", "Z")


def _path(**parameters: Any) -> str:
    return f"/xapi/statements?{urlencode(parameters)}"


def _get(path: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in _HEADERS.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


def _json(port: int, path: str) -> Any:
    return json.loads(_body(port, path))


def _body(port: int, path: str) -> bytes:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", path, headers=_HEADERS)
        return connection.getresponse().read()


def _mean_bytes(port: int, paths: list[str]) -> int:
    sizes = [len(_body(port, path)) for path in paths[:40]]
    return sum(sizes) // len(sizes)


async def _serve_bytes(port: int, size: int) -> None:
    """ASGI under the same server, always the same bytes."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    body = b"x" * size
    headers = [(b"content-length", str(size).encode())]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    await Server(
        app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
    ).serve()


if __name__ == "__main__":
    main()
