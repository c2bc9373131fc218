"""One running demo for all end-to-end tests, and homes of their own for those that kill things."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.group import running
from learnlake.settings import Settings
from tests.scale import data_dir, scaled

STUDENTS = scaled(60, 304)
TODAY = dt.date(2026, 11, 18)
START_SECONDS = 540.0
STATE_PATIENCE = 0.3


@dataclasses.dataclass
class Running:
    """A home folder in the environment of child processes, and what was started on it."""

    settings: Settings
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cli.main", *arguments]

    def learnlake(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; its output is in the answer."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                self.command(*arguments), env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def dashboards(self) -> str:
        return f"http://127.0.0.1:{self.settings.dashboards_port}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def build(self) -> dict[str, Any]:
        """The published build's facts; empty before the first one."""
        current = self.settings.home.current_snapshot
        if not current.exists():
            return {}
        facts: dict[str, Any] = json.loads(
            (self.settings.home.snapshots / current.read_text().strip() / "build.json").read_text()
        )
        return facts


@dataclasses.dataclass
class Demo(Running):
    """The running demo, with what it printed for people."""

    record: dict[str, Any] = dataclasses.field(default_factory=dict)

    def login(self, role: str) -> tuple[str, str]:
        made = self.record["logins"][role]
        return made["login"], made["password"]

    def reads(self, role: str) -> httpx.Client:
        """A client of the API, logged in as `role`."""
        login, password = self.login(role)
        answer = httpx.post(
            f"{self.api}/v1/session", json={"login": login, "password": password}, trust_env=False
        )
        answer.raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        return httpx.Client(base_url=self.api, headers=headers, trust_env=False, timeout=30)


def wait_for(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} seconds"
        time.sleep(STATE_PATIENCE)


def make_home(folder: Path, free_port: Callable[[], int]) -> Running:
    """A home folder with free ports, in front of nothing yet."""
    ports = {name: free_port() for name in ("LRS", "API", "DAGSTER", "DASHBOARDS")}
    variables = {
        "LEARNLAKE_HOME": str(folder),
        "LEARNLAKE_CONFIG": str(folder / "none.toml"),
        "LEARNLAKE_TODAY": TODAY.isoformat(),
        "LEARNLAKE_SEAL_INTERVAL_SECONDS": "0.5",
        **{f"LEARNLAKE_{name}_PORT": str(port) for name, port in ports.items()},
    }
    settings = Settings(
        LEARNLAKE_HOME=folder,
        today=TODAY,
        **{f"{name.lower()}_port": port for name, port in ports.items()},
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEARNLAKE_")}
    return Running(settings, {**kept, **variables})


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Demo]:
    """`learnlake demo`, small: everything runs, the school is sent, built and published; with the MOOC where its file is."""
    folder = tmp_path_factory.mktemp("demo")
    place = make_home(folder / "home", free_port)
    found = data_dir()
    if found:
        place.environment["LEARNLAKE_DATA_DIR"] = str(found)
    log = folder / "demo.log"
    process = place.start("demo", "--students", str(STUDENTS), log=log)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        return "Ctrl-C stops everything" in log.read_text()

    try:
        wait_for(is_ready, seconds=START_SECONDS, what="the demo")
        record = json.loads((place.settings.home.secrets / "demo.json").read_text())
        yield Demo(place.settings, place.environment, record)
    finally:
        process.terminate()
        process.wait(90)
    assert running(place.settings.home) is None


@pytest.fixture
def place(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Running]:
    """A home folder of this test's own; whatever still runs on it is stopped."""
    made = make_home(tmp_path / "home", free_port)
    yield made
    if running(made.settings.home):
        made.learnlake("down")
