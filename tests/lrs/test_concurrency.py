"""Many clients at once: batches that share actors and activities, racing ids, several processes on one PostgreSQL."""

from __future__ import annotations

import contextlib
import itertools
import resource
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable

import httpx
import pytest

from learnlake.settings import Settings, get_settings
from lrs import lake, store
from lrs.store import read, reading
from tests.lrs.postgres_server import create_database
from tests.lrs.served import Lrs, serving, statement


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_batches_that_share_everything_all_succeed(busy_lrs: Lrs) -> None:
    activities = [f"https://x.example/{n}" for n in range(5)]
    verb = f"https://x.example/{uuid.uuid4()}"
    statuses: list[int] = []

    def send(number: int) -> None:
        with busy_lrs.client() as client:
            for turn in range(6):
                order = activities if (number + turn) % 2 else activities[::-1]
                batch = [
                    statement(
                        verb={"id": verb},
                        actor={"account": {"homePage": "https://x.example", "name": str(position)}},
                        object={"id": iri, "definition": {"name": {f"x-{number}": str(turn)}}},
                    )
                    for position, iri in enumerate(order)
                ]
                statuses.append(client.post("/statements", json=batch).status_code)

    in_threads(16, send)
    assert statuses == [200] * 96
    with reading(busy_lrs.settings) as connection:
        rows = read.in_sequence(connection, after=0, up_to=10**9, limit=1000)
    assert [row.seq for row in rows] == list(range(1, 481))
    assert all(one.stored < two.stored for one, two in itertools.pairwise(rows))
    with busy_lrs.client() as client:
        definition = client.get("/activities", params={"activityId": activities[0]}).json()["definition"]
        assert definition["name"].keys() == {f"x-{number}" for number in range(16)}
        found, link = 0, f"/xapi/statements?verb={verb}&limit=100"
        while link:
            page = client.get(f"{busy_lrs.root}{link}").json()
            found, link = found + len(page["statements"]), page["more"]
        assert found == 480
    assert lake.seal_once(busy_lrs.settings).count == 480
    assert all(check.is_equal for check in lake.verify(busy_lrs.settings))


def test_a_raced_id_is_stored_once(busy_lrs: Lrs) -> None:
    for _ in range(5):
        wanted = str(uuid.uuid4())
        answers: dict[str, int] = {}
        barrier = threading.Barrier(8)

        def put(
            number: int,
            wanted: str = wanted,
            answers: dict[str, int] = answers,
            barrier: threading.Barrier = barrier,
        ) -> None:
            verb = f"https://x.example/{number % 2}"
            sent = statement(id=wanted, verb={"id": verb})
            with busy_lrs.client() as client:
                client.get("/about")
                barrier.wait()
                answers[f"{verb} {number}"] = client.put(
                    "/statements", params={"statementId": wanted}, json=sent
                ).status_code

        in_threads(8, put)
        with busy_lrs.client() as client:
            winner = client.get("/statements", params={"statementId": wanted}).json()["verb"]["id"]
        assert {
            key: status
            for key, status in answers.items()
            if status != (204 if key.startswith(f"{winner} ") else 409)
        } == {}


def test_consistent_through_is_never_ahead_of_what_can_be_seen(busy_lrs: Lrs) -> None:
    verb = f"https://x.example/{uuid.uuid4()}"
    is_over = threading.Event()

    def write() -> None:
        with busy_lrs.client() as client:
            while not is_over.is_set():
                client.post(
                    "/statements", json=[statement(verb={"id": verb}) for _ in range(3)]
                ).raise_for_status()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    seen: list[tuple[str, str, set[str]]] = []
    try:
        with busy_lrs.client() as client:
            last = "2000-01-01T00:00:00Z"
            for _ in range(25):
                answer = client.get(
                    "/statements", params={"verb": verb, "since": last, "ascending": "true", "limit": 1000}
                )
                through = answer.headers["X-Experience-API-Consistent-Through"]
                ids = {item["id"] for item in answer.json()["statements"]}
                seen.append((last, through, ids))
                last = through
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
    with busy_lrs.client() as client:
        for since, until, ids in seen:
            if since < until:
                whole = client.get(
                    "/statements", params={"verb": verb, "since": since, "until": until, "limit": 1000}
                ).json()
                assert {item["id"] for item in whole["statements"]} <= ids


def test_workers_end_when_their_parent_is_killed(
    settings: Settings, postgres: str, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("LEARNLAKE_DATABASE_URL", create_database(postgres, f"t{uuid.uuid4().hex}"))
    get_settings.cache_clear()
    with serving(get_settings(), free_port(), workers=2) as lrs:
        with lrs.client() as client:
            client.post("/statements", json=[statement() for _ in range(5)]).raise_for_status()
        assert lrs.process is not None
        lrs.process.send_signal(signal.SIGKILL)
        lrs.process.wait()
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{lrs.root}/health")
            except httpx.TransportError:
                break
            time.sleep(0.1)
        else:
            pytest.fail("workers outlived their parent")
        lrs.start()
        assert sum(count for _, _, count in store.counts(lrs.settings)) == 5


def test_more_connections_than_the_backlog_are_served(lrs: Lrs) -> None:
    """Granian takes as many connections as its backlog is long unless told otherwise; the next client then waits for ever."""
    count = 4_200
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(f"this system allows {hard} open files to a process")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        for number in range(count):
            source = (f"127.0.0.{2 + number // 2_000}", 0)
            stack.enter_context(
                socket.create_connection(("127.0.0.1", lrs.port), timeout=30, source_address=source)
            )
        with lrs.client() as client:  # shorter than the time after which silent connections are closed
            assert client.post("/statements", json=statement(), timeout=15).status_code == 200
