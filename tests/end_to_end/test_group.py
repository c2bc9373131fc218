"""`learnlake up`, `down`, and what a second `up` is told: with all services as they are."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx

from cli.group import running
from tests.cli.test_group import is_alive, wait_for
from tests.end_to_end.conftest import Running


def children_of(pid: int) -> set[int]:
    """`pid` and all that descend from it."""
    found = {pid}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= children_of(int(child))
    return found


def test_up_answers_refuses_a_second_one_and_leaves_nothing(place: Running) -> None:
    started = place.learnlake("up", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    state = running(place.settings.home)
    assert state and state["is_ready"]
    names = {service["name"] for service in state["services"]}
    assert names == {
        "lrs",
        "sealer",
        "forwarder",
        "api",
        "dagster-code",
        "dagster-daemon",
        "dagster",
        "dashboards",
    }
    for service in state["services"]:
        if service["address"]:
            assert service["address"] in started.stdout
    about = httpx.get(f"{place.settings.lrs_url}/about", trust_env=False)
    assert "1.0.3" in about.json()["version"]

    second = place.learnlake("up")
    assert second.returncode == 2
    assert str(state["pid"]) in second.stderr
    assert f":{place.settings.dashboards_port}" in second.stderr

    pids = children_of(state["pid"])
    assert len(pids) > len(names)
    stopped = place.learnlake("down")
    assert stopped.returncode == 0, stopped.stderr
    wait_for(  # the home is free a moment before the process that held it has ended
        lambda: not any(is_alive(pid) for pid in pids), seconds=10
    )
    assert running(place.settings.home) is None
    for port in (place.settings.lrs_port, place.settings.dashboards_port, place.settings.dagster_port):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))


def test_a_service_that_dies_ends_the_whole_and_is_named(place: Running) -> None:
    started = place.learnlake("up", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    state = running(place.settings.home)
    assert state
    sealer = next(service for service in state["services"] if service["name"] == "sealer")
    import os
    import signal

    os.kill(sealer["pid"], signal.SIGKILL)
    wait_for(lambda: running(place.settings.home) is None, seconds=60)
    said = (place.settings.home.logs / "up.log").read_text()
    assert "sealer has ended by itself" in said
    assert "sealer.log" in said
