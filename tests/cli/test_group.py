"""The process group with small real services: order, readiness, a death, a second group, kill -9 of the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.group import Port, ProcessGroup, Service, Stopped, running
from learnlake.errors import BusyError, LearnlakeError
from learnlake.settings import Settings

SERVE = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
WORKER = """
import subprocess, sys, time, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""


def http_service(name: str, port: int, *, needs: tuple[str, ...] = ()) -> Service:
    return Service(
        name,
        (sys.executable, "-c", SERVE, str(port)),
        needs=needs,
        ready=f"http://127.0.0.1:{port}/",
        address=f"http://127.0.0.1:{port}",
        port=Port("127.0.0.1", port, f"LEARNLAKE_{name.upper()}_PORT"),
    )


def sleeper(name: str, *code: str) -> Service:
    return Service(name, (sys.executable, "-c", *(code or ("import time; time.sleep(600)",))))


def is_alive(pid: int) -> bool:
    """Whether `pid` is a process that has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], object], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


def test_services_start_in_order_of_need_and_leave_nothing(
    settings: Settings, free_port: Callable[[], int]
) -> None:
    first, second = free_port(), free_port()
    ready: list[str] = []
    with ProcessGroup(
        settings.home, [http_service("late", second, needs=("early",)), http_service("early", first)], {}
    ) as group:
        group.start(on_ready=lambda service: ready.append(service.name))
        state = running(settings.home)
        assert state and state["is_ready"] and state["pid"] == os.getpid()
        pids = [service["pid"] for service in state["services"]]
        assert all(is_alive(pid) for pid in pids)
    assert ready == ["early", "late"]
    assert not any(is_alive(pid) for pid in pids)
    assert running(settings.home) is None
    assert not (settings.home.run / "up.json").exists()


def test_a_second_group_on_the_same_home_is_told_who_runs(
    settings: Settings, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with ProcessGroup(settings.home, [http_service("web", port)], {}) as group:
        group.start()
        with (
            pytest.raises(BusyError, match=rf"(?s)process {os.getpid()}.*http://127.0.0.1:{port}"),
            ProcessGroup(settings.home, [], {}),
        ):
            pass
        assert running(settings.home)


def test_a_taken_port_names_its_setting_and_frees_the_home(
    settings: Settings, free_port: Callable[[], int], tmp_path: Path
) -> None:
    port = free_port()
    service = http_service("web", port)
    with ProcessGroup(settings.home, [service], {}) as group:
        group.start()
        settings_of_other = Settings(LEARNLAKE_HOME=tmp_path / "other")
        with (
            pytest.raises(BusyError, match=rf"{port}(?s:.*)LEARNLAKE_WEB_PORT"),
            ProcessGroup(settings_of_other.home, [service], {}),
        ):
            pass
        assert running(settings_of_other.home) is None


def test_a_death_ends_all_and_names_the_log(settings: Settings, free_port: Callable[[], int]) -> None:
    dying = sleeper("dying", "import sys, time; time.sleep(1); print('the cause'); sys.exit(3)")
    with (
        pytest.raises(LearnlakeError, match=r"(?s)dying has ended .*exit code 3.*dying\.log.*the cause"),
        ProcessGroup(settings.home, [http_service("web", free_port()), dying], {}) as group,
    ):
        group.start()
        state = running(settings.home)
        group.watch()
    assert state and not any(is_alive(service["pid"]) for service in state["services"])


def test_a_death_interrupts_work_in_the_foreground(settings: Settings) -> None:
    dying = sleeper("dying", "import time; time.sleep(1)")
    with (
        pytest.raises(LearnlakeError, match="dying has ended"),
        ProcessGroup(settings.home, [dying], {}) as group,
    ):
        group.start()
        with group.working():
            time.sleep(60)


def test_a_signal_interrupts_work_in_the_foreground(settings: Settings) -> None:
    with pytest.raises(Stopped), ProcessGroup(settings.home, [sleeper("quiet")], {}) as group:
        group.start()
        with group.working():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
    assert running(settings.home) is None


def test_kill_9_of_the_parent_ends_children_and_their_workers(settings: Settings, tmp_path: Path) -> None:
    grandchild = tmp_path / "grandchild"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from tests.cli.test_group import *; from learnlake.settings import get_settings\n"
            "worker = Service('worker', (sys.executable, '-c', WORKER, sys.argv[1]))\n"
            "with ProcessGroup(get_settings().home, [worker], {}) as group:\n"
            "    group.start(); group.watch()",
            str(grandchild),
        ],
        cwd=Path(__file__).parents[2],
    )
    wait_for(lambda: grandchild.exists() and grandchild.read_text())
    state = running(settings.home)
    assert state and state["pid"] == parent.pid
    pids = [int(grandchild.read_text()), *(service["pid"] for service in state["services"])]
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in pids))
    wait_for(lambda: running(settings.home) is None)
