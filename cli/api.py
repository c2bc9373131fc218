"""`learnlake api serve`: the HTTP API beside the LRS."""

from __future__ import annotations

import typer

from learnlake.log import configure_logging
from learnlake.settings import get_settings

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The HTTP API: log in, read the marts as far as the policy lets you."""


@app.command()
def serve(
    host: str | None = typer.Option(None, help="Address to listen on; default: LEARNLAKE_HOST."),
    port: int | None = typer.Option(None, help="Port to listen on; default: LEARNLAKE_API_PORT."),
) -> None:
    """Serve the API until stopped."""
    from granian.constants import Interfaces
    from granian.server import Server

    settings = get_settings()
    configure_logging(settings)
    Server(
        "api.app:create_app",
        factory=True,
        address=host or settings.host,
        port=port or settings.api_port,
        interface=Interfaces.ASGI,
        log_access=False,
        websockets=False,
    ).serve()
