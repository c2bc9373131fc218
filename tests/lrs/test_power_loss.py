"""Nothing is answered before it is on the disk: the order of system calls, traced with strace, of the LRS and of PostgreSQL."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from learnlake.settings import Settings, get_settings
from lrs import credentials
from lrs.store.database import open_database
from tests.lrs.postgres_server import create_database
from tests.lrs.served import KEY, SECRET, Lrs, statement

WRITES = "pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync"


@functools.cache
def why_not() -> str | None:
    """Why nothing can be traced here; None where strace works."""
    if sys.platform != "linux" or not shutil.which("strace"):
        return "strace is not here: python -m tests.prepare installs it"
    seen = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return f"tracing is forbidden here: {seen.stderr.strip()}" if seen.returncode else None


def needs_strace() -> None:
    if why_not():
        pytest.skip(str(why_not()))


@dataclasses.dataclass(frozen=True)
class Call:
    """A finished system call. `started` and `ended` are seconds since 1970; `text` its arguments as strace writes them."""

    started: float
    ended: float
    process: str
    name: str
    text: str


_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_START = re.compile(r"(\w+)\((.*)")


def calls(trace: Path) -> list[Call]:
    """The calls of a trace in the order in which they ended; those that another thread's interrupted are put together."""
    found: list[Call] = []
    open_calls: dict[str, tuple[float, str, str]] = {}
    for line in trace.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        process, moment, rest = match[1], float(match[2]), match[3]
        if rest.startswith("<... "):
            started, name, text = open_calls.pop(process, (moment, "", ""))
            found.append(Call(started, moment, process, name, text + rest))
            continue
        start = _START.match(rest)
        if start is None:
            continue
        if "<unfinished ...>" in rest:
            open_calls[process] = (moment, start[1], start[2])
        else:
            found.append(Call(moment, moment, process, start[1], start[2]))
    return found


class Traced(Lrs):
    """An LRS under strace, its calls written to `trace`."""

    def __init__(self, settings: Settings, port: int, trace: Path) -> None:
        super().__init__(settings, port)
        self.trace = trace

    def start(self) -> None:
        traced = [
            "strace",
            "-f",
            "-ttt",
            "-y",
            "-s",
            "100000",
            "-e",
            f"trace={WRITES}",
            "-o",
            str(self.trace),
        ]
        served = [sys.executable, "-m", "cli.main", "lrs", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen([*traced, *served], env={**os.environ}, start_new_session=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.root}/ready").status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError("the traced LRS did not start")


@pytest.fixture
def traced(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[[], Traced]]:
    """Starts an LRS on the settings of the moment under strace."""
    needs_strace()
    started: list[Traced] = []

    def start() -> Traced:
        settings = get_settings()
        settings.home.create()
        credentials.create(settings, name="lms", key=KEY, secret=SECRET)
        started.append(Traced(settings, free_port(), tmp_path / "trace"))
        started[0].start()
        return started[0]

    yield start
    for lrs in started:
        assert lrs.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(lrs.process.pid, signal.SIGTERM)
        lrs.process.wait(timeout=30)


Request = Callable[[httpx.Client, str], httpx.Response]


def put_statement(client: httpx.Client, mark: str) -> httpx.Response:
    return client.put("/statements", params={"statementId": mark}, json=statement(id=mark))


def post_statement(client: httpx.Client, mark: str) -> httpx.Response:
    return client.post("/statements", json=statement(id=mark))


def post_batch(client: httpx.Client, mark: str) -> httpx.Response:
    return client.post("/statements", json=[statement(), statement(id=mark), statement()])


def put_document(client: httpx.Client, mark: str) -> httpx.Response:
    agent = '{"mbox": "mailto:a@x.example"}'
    where = {"activityId": "https://x.example/a", "agent": agent, "stateId": "d" + mark}
    return client.put("/activities/state", params=where, content=mark.encode())


REQUESTS: list[Request] = [put_statement, post_statement, post_batch, put_document]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One request: what stands in its bytes, and the seconds since 1970 between which it was asked and answered."""

    mark: str
    before: float
    after: float

    def during(self, found: list[Call]) -> list[Call]:
        return [call for call in found if self.before <= call.started and call.ended <= self.after]

    def answer(self, found: list[Call]) -> Call:
        sent = [c for c in self.during(found) if "HTTP/1.1 20" in c.text and c.name != "pwrite64"]
        assert len(sent) == 1
        return sent[0]


def ask_all(lrs: Lrs) -> list[Asked]:
    asked = []
    with lrs.client() as client:
        client.get("/about").raise_for_status()
        for request in REQUESTS:
            time.sleep(0.3)  # what came before is settled
            mark, before = str(uuid.uuid4()), time.time()
            request(client, mark).raise_for_status()
            time.sleep(0.1)
            asked.append(Asked(mark, before, time.time()))
    return asked


def synced(found: list[Call], path: str) -> list[Call]:
    return [
        c
        for c in found
        if c.name in ("fsync", "fdatasync") and path in c.text and re.search(r"= 0\s*$", c.text)
    ]


def test_sqlite_is_on_the_disk_before_the_answer(settings: Settings, traced: Callable[[], Traced]) -> None:
    lrs = traced()
    asked = ask_all(lrs)
    lrs.stop()
    found = calls(lrs.trace)
    for request in asked:
        during, answer = request.during(found), request.answer(found)
        wal = [
            c for c in during if c.name == "pwrite64" and "lrs.db-wal>" in c.text and request.mark in c.text
        ]
        assert wal, "the write of the WAL is not in the trace"
        assert any(
            wal[-1].ended <= sync.started and sync.ended <= answer.started
            for sync in synced(during, "lrs.db-wal>")
        )


@contextlib.contextmanager
def tracing(process: int, trace: Path) -> Iterator[None]:
    """strace attached to a process and to all that it forks from now on."""
    command = ["strace", "-f", "-ttt", "-y", "-s", "200", "-e", f"trace={WRITES}", "-o", str(trace)]
    tracer = subprocess.Popen([*command, "-p", str(process)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    first = tracer.stderr.readline()
    if "attached" not in first:
        tracer.wait()
        pytest.skip(f"PostgreSQL's server may not be traced here: {first.strip()}")
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=20)


def test_postgresql_is_on_the_disk_before_the_answer(
    settings: Settings,
    postgres: str,
    traced: Callable[[], Traced],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    needs_strace()
    monkeypatch.setenv("LEARNLAKE_DATABASE_URL", create_database(postgres, f"t{uuid.uuid4().hex}"))
    get_settings.cache_clear()
    with psycopg.connect(f"{postgres}/postgres") as connection:
        folder = str(connection.execute("show data_directory").fetchall()[0][0])
    postmaster = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
    with tracing(postmaster, tmp_path / "server"):
        lrs = traced()
        asked = ask_all(lrs)
        lrs.stop()
    found, server = calls(lrs.trace), calls(tmp_path / "server")
    for request in asked:
        during, answer = request.during(server), request.answer(found)
        # A backend tells its client COMMIT; before that it has itself synced the log of the transaction.
        commits = [
            c for c in during if c.name == "sendto" and "COMMIT" in c.text and c.ended <= answer.started
        ]
        assert commits, "no commit before the answer"
        assert any(
            sync.process == commit.process and sync.ended <= commit.started
            for sync in synced(during, "pg_wal/")
            for commit in commits
        )


def test_a_server_that_commits_lazily_is_told_not_to(
    settings: Settings, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"t{uuid.uuid4().hex}"
    monkeypatch.setenv("LEARNLAKE_DATABASE_URL", create_database(postgres, name))
    get_settings.cache_clear()
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f'alter database "{name}" set synchronous_commit = off')
    database = open_database(get_settings())
    with contextlib.closing(database.connect()) as connection:
        assert connection.rows("show synchronous_commit")[0][0] == "on"


def test_sqlite_syncs_every_commit(settings: Settings) -> None:
    with contextlib.closing(open_database(settings).connect()) as connection:
        assert connection.rows("pragma journal_mode")[0][0] == "wal"
        assert connection.rows("pragma synchronous")[0][0] == 2  # FULL
