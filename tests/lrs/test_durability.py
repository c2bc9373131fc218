"""What is acknowledged survives `kill -9`, once: in the store and in the lake. Back-pressure loses nothing."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable

import httpx
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from learnlake.sender import Sender
from learnlake.settings import Settings, get_settings
from lrs import lake, store
from lrs.removal import Selection, remove
from tests.lrs.served import KEY, SECRET, Lrs, serving, statement
from tests.scale import scaled


def lake_ids(settings: Settings) -> list[str]:
    table = DeltaTable(str(settings.home.lake_statements)).to_pyarrow_table(columns=["id"])
    return pa.table(table)["id"].to_pylist()


def stored_count(settings: Settings) -> int:
    return sum(count for _, _, count in store.counts(settings))


def test_every_acknowledged_statement_survives_kill_9(busy_lrs: Lrs) -> None:
    lrs = busy_lrs
    acknowledged: set[str] = set()
    attempted: set[str] = set()
    lock = threading.Lock()
    is_over = threading.Event()

    def write() -> None:
        with lrs.client() as client:
            while not is_over.is_set():
                batch = [statement() for _ in range(random.choice((1, 1, 20)))]
                ids = {item["id"] for item in batch}
                with lock:
                    attempted.update(ids)
                try:
                    answer = client.post("/statements", json=batch)
                except httpx.TransportError:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    with lock:
                        acknowledged.update(ids)

    sealer = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "lake", "seal", "--follow"],
        env={**os.environ, "LEARNLAKE_SEAL_INTERVAL_SECONDS": "0.05"},
        start_new_session=True,
    )
    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(scaled(4, 20)):
            time.sleep(random.uniform(0.2, 0.7))
            lrs.stop(signal.SIGKILL)
            lrs.start()
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
        os.killpg(sealer.pid, signal.SIGKILL)
        sealer.wait()
    lake.seal_once(lrs.settings)
    in_lake = lake_ids(lrs.settings)
    assert len(in_lake) == len(set(in_lake)) == stored_count(lrs.settings)
    assert len(acknowledged) > 50
    assert acknowledged <= set(in_lake) <= attempted
    assert all(check.is_equal for check in lake.verify(lrs.settings))


CRASHING_SEALER = """
import os, sys
import lrs.lake as lake
from learnlake.settings import get_settings
write = lake.write_deltalake
def crash_after(*arguments, **options):
    if sys.argv[1] == "before":
        os._exit(9)
    write(*arguments, **options)
    os._exit(9)
lake.write_deltalake = crash_after
lake.seal_once(get_settings())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_sealer_that_dies_around_its_commit_seals_nothing_twice(each_lrs: Lrs, moment: str) -> None:
    lrs = each_lrs
    with lrs.client() as client:
        client.post("/statements", json=[statement() for _ in range(30)]).raise_for_status()
    assert lake.sealed_seq(lrs.settings.home) == 0
    died = subprocess.run([sys.executable, "-c", CRASHING_SEALER, moment], env={**os.environ}, check=False)
    assert died.returncode == 9
    assert lake.sealed_seq(lrs.settings.home) == (0 if moment == "before" else 30)
    report = lake.seal_once(lrs.settings)
    assert (report.count, report.last_seq) == ((30, 30) if moment == "before" else (0, 30))
    assert len(set(lake_ids(lrs.settings))) == len(lake_ids(lrs.settings)) == 30
    assert all(check.is_equal for check in lake.verify(lrs.settings))


def test_verify_names_what_differs(lrs: Lrs) -> None:
    with lrs.client() as client:
        client.post("/statements", json=[statement() for _ in range(5)]).raise_for_status()
    lake.seal_once(lrs.settings)
    table = DeltaTable(str(lrs.settings.home.lake_statements))
    table.delete("seq = 3")
    (check,) = lake.verify(lrs.settings)
    assert (check.store_count, check.lake_count, check.is_equal) == (5, 4, False)
    assert check.differences == ("seq 3 is in the store and not in the lake",)
    assert check.stored_date == dt.datetime.now(dt.UTC).date()


def test_compaction_keeps_every_row_and_the_watermark(lrs: Lrs) -> None:
    with lrs.client() as client:
        for _ in range(6):
            client.post("/statements", json=[statement() for _ in range(3)]).raise_for_status()
            lake.seal_once(lrs.settings)
    assert len(DeltaTable(str(lrs.settings.home.lake_statements)).file_uris()) == 6
    result = lake.compact(lrs.settings)
    assert (result["files_removed"], result["files_added"]) == (6, 1)
    assert lake.sealed_seq(lrs.settings.home) == 18
    assert lake.seal_once(lrs.settings).count == 0
    assert len(set(lake_ids(lrs.settings))) == 18
    assert all(check.is_equal for check in lake.verify(lrs.settings))


def test_sealing_reading_and_removing_go_on_while_files_are_joined(
    lrs: Lrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake, "_COMPACT_AFTER_SEALS", 3)
    settings = lrs.settings.model_copy(update={"seal_interval_seconds": 0.01})
    stop = threading.Event()
    sealer = threading.Thread(target=lake.seal_forever, args=(settings,), kwargs={"stop": stop})
    sealer.start()
    removed: list[str] = []
    try:
        with lrs.client() as client:
            seen = 0
            for turn in range(scaled(20, 200)):
                batch = [statement() for _ in range(5)]
                client.post("/statements", json=batch).raise_for_status()
                if turn % 7 == 3:  # the sealer does it: it holds the lock
                    removed.append(batch[0]["id"])
                    remove(settings, Selection("default", ids=[uuid.UUID(removed[-1])]))
                wanted = 5 * (turn + 1)
                wait_until(lambda wanted=wanted: lake.sealed_seq(settings.home) >= wanted)  # type: ignore[misc]
                ids = lake_ids(settings)
                assert len(set(ids)) == len(ids) >= seen - len(removed)
                seen = len(ids)
    finally:
        stop.set()
        sealer.join()
    lake.seal_once(settings)
    files = DeltaTable(str(settings.home.lake_statements)).file_uris()
    assert len(files) < scaled(20, 200)  # as many seals; files were joined on the way
    assert not set(removed) & set(lake_ids(settings))
    assert stored_count(settings) == len(lake_ids(settings)) == wanted - len(removed)
    assert all(check.is_equal for check in lake.verify(settings))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_a_full_queue_answers_503_and_loses_nothing(
    settings: Settings, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNLAKE_QUEUE_MAX_STATEMENTS", "5")
    get_settings.cache_clear()
    answers: list[tuple[int, str | None]] = []
    headers: list[tuple[str | None, ...]] = []
    with serving(settings, free_port()) as lrs:

        def write() -> None:
            with lrs.client() as client:
                for _ in range(15):
                    answer = client.post("/statements", json=[statement() for _ in range(4)])
                    answers.append((answer.status_code, answer.headers.get("Retry-After")))
                    headers.append(
                        tuple(
                            map(
                                answer.headers.get,
                                ("X-Experience-API-Version", "X-Experience-API-Consistent-Through"),
                            )
                        )
                    )

        writers = [threading.Thread(target=write) for _ in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert {status for status, _ in answers} == {200, 503}
        assert all(after == "1" for status, after in answers if status == 503)
        assert all(version == "1.0.3" and through and through > "2026" for version, through in headers), (
            headers
        )
        assert stored_count(settings) == 4 * sum(status == 200 for status, _ in answers)
        # The sender waits as it is told to, and everything arrives.
        with Sender(lrs.url, KEY, SECRET, batch_size=4, connections=4) as sender:
            report = sender.send(statement() for _ in range(60))
        assert (report.sent, report.stored, report.refused) == (60, 60, [])


def test_a_graceful_stop_finishes_what_it_accepted(each_lrs: Lrs) -> None:
    lrs = each_lrs
    answers: list[int] = []

    def write() -> None:
        with lrs.client() as client:
            try:
                while True:
                    answers.append(
                        client.post("/statements", json=[statement() for _ in range(5)]).status_code
                    )
            except httpx.TransportError:
                return

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    time.sleep(0.5)
    assert lrs.stop() == 0
    for writer in writers:
        writer.join()
    assert stored_count(lrs.settings) >= 5 * answers.count(200) > 0
