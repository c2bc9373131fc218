"""The services that `learnlake up` runs: what each is called, how it is started, where it answers, in what order it ends."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from cli.group import Port, Service
from learnlake.settings import TELEMETRY_OFF, Settings
from pipelines.instance import write_instance, write_workspace

INGEST = ("lrs", "sealer")
"""Enough to take statements and to bring them into the lake."""

_PYTHON = (sys.executable, "-P", "-m")
"""-P: a folder named like one of our packages in the current folder must not shadow it."""
_WRITERS_LAST = 2


def services(settings: Settings) -> list[Service]:
    """All services of a home, in the order in which they are shown. Writes where Dagster finds them: call it once."""
    code = _free_port()
    workspace = str(write_workspace(settings.home, port=code))
    write_instance(settings.home)
    host = _loopback(settings.host)
    lrs, api, dashboards, dagster = (
        f"{scheme}://{host}:{port}"
        for scheme, port in (
            (settings.scheme, settings.lrs_port),
            (settings.scheme, settings.api_port),
            ("http", settings.dashboards_port),
            ("http", settings.dagster_port),
        )
    )
    return [
        Service(
            "lrs",
            (*_PYTHON, "cli.main", "lrs", "serve"),
            ready=f"{lrs}/health",
            address=f"{lrs}/xapi",
            port=Port(settings.host, settings.lrs_port, "LEARNLAKE_LRS_PORT"),
            stop_order=1,
            stop_seconds=30,
        ),
        Service(
            "sealer",
            (*_PYTHON, "cli.main", "lake", "seal", "--follow"),
            needs=("lrs",),
            stop_order=_WRITERS_LAST,
            stop_seconds=30,
        ),
        Service(
            "forwarder",
            (*_PYTHON, "cli.main", "lrs", "forward", "run"),
            needs=("lrs",),
            stop_order=1,
            stop_seconds=40,
        ),
        Service(
            "api",
            (*_PYTHON, "cli.main", "api", "serve"),
            needs=("lrs",),
            ready=f"{api}/health",
            address=api,
            port=Port(settings.host, settings.api_port, "LEARNLAKE_API_PORT"),
        ),
        Service(
            "dagster-code",
            (
                *_PYTHON,
                "dagster",
                "api",
                "grpc",
                "-h",
                "127.0.0.1",
                "-p",
                str(code),
                "-m",
                "pipelines.definitions",
                "--use-python-environment-entry-point",
            ),
            needs=("lrs",),
            ready=f"tcp://127.0.0.1:{code}",
            stop_order=1,
        ),
        Service(
            "dagster-daemon",
            (*_PYTHON, "pipelines.daemon", "-w", workspace),
            needs=("dagster-code",),
        ),
        Service(
            "dagster",
            (
                *_PYTHON,
                "dagster_webserver",
                "-h",
                settings.host,
                "-p",
                str(settings.dagster_port),
                "-w",
                workspace,
            ),
            needs=("dagster-code",),
            ready=f"{dagster}/server_info",
            address=dagster,
            port=Port(settings.host, settings.dagster_port, "LEARNLAKE_DAGSTER_PORT"),
        ),
        Service(
            "dashboards",
            (*_PYTHON, "cli.main", "dashboards", "serve"),
            needs=("lrs",),
            ready=f"{dashboards}/_stcore/health",
            address=dashboards,
            port=Port(settings.host, settings.dashboards_port, "LEARNLAKE_DASHBOARDS_PORT"),
        ),
    ]


def environment(settings: Settings) -> dict[str, str]:
    """What every service must know: the same home and the same day as the process that starts it."""
    named = {
        **{name: os.environ.get(name, value) for name, value in TELEMETRY_OFF.items()},
        "LEARNLAKE_HOME": str(settings.home.path),
        "LEARNLAKE_CONFIG": str(Path(os.environ.get("LEARNLAKE_CONFIG", "learnlake.toml")).resolve()),
        "DAGSTER_HOME": str(settings.home.dagster),
        "PYTHONUNBUFFERED": "1",
    }
    if settings.today:
        named["LEARNLAKE_TODAY"] = settings.today.isoformat()
    return named


def _loopback(host: str) -> str:
    """Where this machine reaches a service that listens on `host`."""
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host


def _free_port() -> int:
    """A port for Dagster's code server, which only its own daemon and web page talk to."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
