"""Serving the API with Granian in this process until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal

from granian.constants import Interfaces
from granian.server.embed import Server

from api.app import create_app
from learnlake.settings import Settings


def serve(settings: Settings, *, host: str | None = None, port: int | None = None) -> None:
    """Serve until told to stop; requests that were taken are answered first."""
    settings.home.create()
    asyncio.run(_serve(settings, host or settings.host, port or settings.api_port))


async def _serve(settings: Settings, host: str, port: int) -> None:
    server = Server(
        create_app(settings),
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
