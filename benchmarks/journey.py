"""The whole journey, timed: from the demo's command to its pages, and from a statement's 200 to the published build.

Real services on a home folder of their own. Beside the statement's journey through sealer, sensor and Dagster stands the same
increment as one `learnlake run` with nothing but the LRS up: what is left is the price of starting by itself.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cli.demo_data import Record
from learnlake.settings import Settings, get_settings
from sources.live import LiveSchool
from sources.school import SampleSchool, generate
from warehouse import snapshot

ROUNDS = 3
PATIENCE_SECONDS = 600.0


def main() -> int:
    """Run and print. Exit code 1 when the demo does not come up."""
    with tempfile.TemporaryDirectory(prefix="learnlake-journey-") as folder:
        settings = _settings(Path(folder))
        demo_seconds = _demo(settings)
        record = Record.read(settings.home)
        assert record is not None
        school = generate(today=record.today, seed=record.seed, students=record.students)
        try:
            live = LiveSchool(school, settings.lrs_url, record.key, record.secret)
            through_dagster = [_seconds_to_publish(settings, school, live) for _ in range(ROUNDS)]
        finally:
            _learnlake("down")
        with _lrs_alone(settings):
            by_hand = [_increment_by_hand(school, live) for _ in range(ROUNDS)]
        empty = [_timed(lambda: _learnlake("run")) for _ in range(ROUNDS)]
    print(f"demo, command to pages with data       {demo_seconds:6.1f} s   (promised: under 180)")
    journey = statistics.median(through_dagster)
    print(
        f"statement's 200 to published build     {journey:6.1f} s   (promised: under 60; median of {ROUNDS})"
    )
    baseline = statistics.median(by_hand)
    print(f"the same increment by `learnlake run`  {baseline:6.1f} s   ratio {journey / baseline:.2f}")
    print(f"`learnlake run` with nothing new       {statistics.median(empty):6.1f} s")
    return 0


def _settings(home: Path) -> Settings:
    """Settings of a home at `home` on free ports, in the environment that child processes inherit."""
    os.environ["LEARNLAKE_HOME"] = str(home / "home")
    os.environ["LEARNLAKE_CONFIG"] = str(home / "none.toml")
    os.environ["LEARNLAKE_DATA_DIR"] = str(home)
    for name in ("LRS", "API", "DAGSTER", "DASHBOARDS"):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            os.environ[f"LEARNLAKE_{name}_PORT"] = str(sock.getsockname()[1])
    get_settings.cache_clear()
    return get_settings()


def _demo(settings: Settings) -> float:
    """Seconds from the demo's command until it stays in front; it is left running."""
    log = settings.home_dir.parent / "demo.log"
    start = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(_command("demo"), stdout=output, stderr=subprocess.STDOUT)
    _wait(lambda: process.poll() is not None or "Ctrl-C stops everything" in log.read_text(errors="replace"))
    if process.poll() is not None:
        raise SystemExit(log.read_text(errors="replace"))
    return time.monotonic() - start


def _seconds_to_publish(settings: Settings, school: SampleSchool, live: LiveSchool) -> float:
    """Seconds from a statement's 200 until a published build holds it."""
    before = _sealed_seq(settings)
    live.answer(school.cast.students[0].sourced_id)
    start = time.monotonic()
    _wait(lambda: _sealed_seq(settings) > before)
    return time.monotonic() - start


def _increment_by_hand(school: SampleSchool, live: LiveSchool) -> float:
    live.answer(school.cast.students[0].sourced_id)
    return _timed(lambda: _learnlake("run"))


def _sealed_seq(settings: Settings) -> int:
    folder = snapshot.current(settings.home)
    assert folder is not None
    return snapshot.read_build(folder).sealed_seq


@contextmanager
def _lrs_alone(settings: Settings) -> Iterator[None]:
    process = subprocess.Popen(_command("lrs", "serve"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(lambda: _is_up(settings))
        yield
    finally:
        process.terminate()
        process.wait()


def _is_up(settings: Settings) -> bool:
    try:
        return httpx.get(f"http://{settings.host}:{settings.lrs_port}/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *arguments]


def _learnlake(*arguments: str) -> None:
    subprocess.run(_command(*arguments), check=True, stdout=subprocess.DEVNULL)


def _timed(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing came within {PATIENCE_SECONDS:.0f} seconds")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
