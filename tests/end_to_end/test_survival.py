"""kill -9 of the LRS in the middle of an import: started again and resumed, the file, store, lake and marts agree."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from learnlake.settings import Settings
from lrs.store import counts
from sources.school import generate
from tests.end_to_end.conftest import STUDENTS, TODAY, Running, wait_for
from tests.scale import scaled
from warehouse.snapshot import current, read_build

STATEMENTS = scaled(12_000, 60_000)


def stored(settings: Settings) -> int:
    return sum(count for _tenant, _day, count in counts(settings))


def serving(place: Running, log: Path) -> subprocess.Popen[bytes]:
    """A running LRS that answers."""
    import httpx

    process = place.start("lrs", "serve", log=log)
    address = f"http://127.0.0.1:{place.settings.lrs_port}/health"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(address, trust_env=False).is_success
        except httpx.TransportError:
            return False

    wait_for(answers, seconds=60, what="the LRS")
    return process


@pytest.fixture
def statements_file(tmp_path: Path) -> Path:
    """Statements of the sample school as JSON lines."""
    file = tmp_path / "statements.jsonl"
    school = generate(today=TODAY, students=STUDENTS)
    with file.open("wb") as output:
        for statement in itertools.islice(school.statements(), STATEMENTS):
            output.write(statement + b"\n")
    return file


def test_kill_9_in_mid_import_loses_and_doubles_nothing(
    place: Running, tmp_path: Path, statements_file: Path
) -> None:
    total = sum(1 for _line in statements_file.open("rb"))
    made = place.learnlake(
        "lrs", "credential", "create", "--name", "test", "--key", "key", "--secret", "secret-secret"
    )
    assert made.returncode == 0, made.stderr
    lrs = serving(place, tmp_path / "lrs-1.log")
    send = ("lrs", "import", str(statements_file), "--key", "key", "--secret", "secret-secret")
    sender = place.start(*send, log=tmp_path / "import-1.log")
    try:
        wait_for(lambda: stored(place.settings) > total // 10, seconds=60, what="a tenth of the import")
        lrs.kill()
        lrs.wait()
        in_store = stored(place.settings)
        assert total // 10 < in_store < total, "the LRS was to be killed in the middle"
        os.kill(sender.pid, signal.SIGKILL)
        sender.wait()
        lrs = serving(place, tmp_path / "lrs-2.log")
        assert stored(place.settings) >= in_store
        resumed = place.learnlake(*send)
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    finally:
        sender.kill()
        lrs.terminate()
        lrs.wait(30)
    ran = place.learnlake("run")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    compared = place.learnlake("reconcile")
    assert compared.returncode == 0, compared.stdout
    said = re.search(r"Equal on all .*: ([\d,]+) statements", compared.stdout)
    assert said and int(said[1].replace(",", "")) == total
    assert stored(place.settings) == total
    folder = current(place.settings.home)
    assert folder and read_build(folder).statement_count == total

    again = time.monotonic()
    nothing = place.learnlake("run")
    assert nothing.returncode == 0, nothing.stderr
    assert "Nothing is new" in nothing.stdout
    print(f"a run with nothing new: {time.monotonic() - again:.1f} s")
    assert current(place.settings.home) == folder
