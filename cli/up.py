"""`learnlake up` and `learnlake down`: all services as one process group, in front or detached."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import typer

from cli.group import ProcessGroup, Service, Stopped, running
from cli.services import environment, services
from learnlake.errors import BusyError, LearnlakeError
from learnlake.home import Home
from learnlake.settings import get_settings

STOP_SECONDS = 90.0
"""`down` waits this long for a group to end: a request in flight and a run that is being published may finish."""

app = typer.Typer(add_completion=False)


@app.command()
def up(
    detach: bool = typer.Option(
        False, "--detach", help="Return once all services are ready; stop with `learnlake down`."
    ),
) -> None:
    """Start LRS, API, Dagster and dashboards, wait until each is ready, stay in front. Ctrl-C stops all."""
    settings = get_settings()
    if detach:
        _start_detached(settings.home)
        return
    try:
        with ProcessGroup(settings.home, services(settings), environment(settings)) as group:
            group.start(on_ready=show_ready)
            typer.echo("All services are ready. Ctrl-C stops them.")
            group.watch()
            typer.echo("Stopping ...")
    except Stopped:
        typer.echo("Stopped before all services were ready.")


@app.command()
def down() -> None:
    """Stop what `learnlake up` or `learnlake demo` started on this home folder, and wait until it has ended."""
    home = get_settings().home
    state = running(home)
    if state is None:
        typer.echo(f"Nothing runs on {home.path}.")
        return
    pid = state["pid"]
    if pid is None:
        raise BusyError(
            "The services of this home folder are starting or stopping.", mend="try again in a moment"
        )
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while running(home) is not None:
        if time.monotonic() > deadline:
            raise LearnlakeError(
                f"Process {pid} has not ended after {STOP_SECONDS:.0f} seconds.",
                where=str(home.logs),
                mend=f"look at the logs; `kill -9 {pid}` ends it and all its services",
            )
        time.sleep(0.1)
    typer.echo("Stopped.")


def show_ready(service: Service) -> None:
    """One line for a service that can be used now."""
    typer.echo(f"  {service.name:<15} {service.address or 'running'}")


def _start_detached(home: Home) -> None:
    state = running(home.create())
    if state is not None:
        raise BusyError(
            f"Learnlake already runs on this home folder (process {state['pid']}).",
            where=str(home.path),
            mend="stop it with `learnlake down`",
        )
    log = home.logs / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "cli.main", "up"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ready = _wait_until_ready(home, process)
    if ready is None:
        raise LearnlakeError(log.read_text(errors="replace").strip().removeprefix("learnlake: "))
    for service in ready["services"]:
        typer.echo(f"  {service['name']:<15} {service['address'] or 'running'}")
    typer.echo(f"All services are ready (process {ready['pid']}). `learnlake down` stops them.")


def _wait_until_ready(home: Home, process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    while process.poll() is None:
        state = running(home)
        if state and state["is_ready"] and state["pid"] == process.pid:
            return state
        time.sleep(0.2)
    return None
