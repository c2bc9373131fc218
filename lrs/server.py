"""Serving the LRS with Granian: one process on SQLite, several on PostgreSQL; stops after finishing what it accepted."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from granian.constants import Interfaces

from learnlake.errors import BusyError, InputError
from learnlake.settings import Settings, get_settings
from lrs.app import Application

_BACKLOG = 4096


def serve(settings: Settings, *, host: str | None = None, port: int | None = None, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT. Several workers need PostgreSQL: SQLite has one writing process."""
    host, port = host or settings.host, port or settings.lrs_port
    settings.home.create()
    if (settings.database_url or "").startswith("postgres"):
        if workers > 1:
            _serve_processes(host, port, workers)
        else:
            _run(_serve_here(settings, host, port))
        return
    if workers > 1:
        raise InputError(
            f"{workers} workers need PostgreSQL as the store",
            where="--workers",
            mend="set LEARNLAKE_DATABASE_URL=postgresql://..., or serve SQLite with one worker",
        )
    with _only_server(settings.home.run / "lrs.lock"):
        _run(_serve_here(settings, host, port))


def worker_app() -> Application:
    """The application of one of several worker processes; ends with its parent, even when that is killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    return Application(get_settings())


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """On uvloop where there is one: it halves what a request costs."""
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        runner.run(serving)


async def _serve_here(settings: Settings, host: str, port: int) -> None:
    from granian.server.embed import Server

    server = Server(
        Application(settings),
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=_BACKLOG,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def _serve_processes(host: str, port: int, workers: int) -> None:
    from granian.server import Server

    Server(
        "lrs.server:worker_app",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        websockets=False,
        backlog=_BACKLOG,
        factory=True,
        log_enabled=False,
    ).serve()


@contextlib.contextmanager
def _only_server(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(
                "an LRS is serving this home folder already",
                where=str(path),
                mend="stop it, or set LEARNLAKE_HOME to another folder",
            ) from None
        yield
