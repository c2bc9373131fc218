"""`learnlake api serve`: the HTTP API beside the LRS."""

from __future__ import annotations

from typing import Annotated

import typer

from learnlake.log import configure_logging
from learnlake.settings import get_settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The HTTP API: log in, read one's own rows."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: LEARNLAKE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; default: LEARNLAKE_API_PORT.")] = None,
) -> None:
    """Serve the API until stopped."""
    from api.server import serve as serve_api

    settings = get_settings()
    configure_logging(settings)
    serve_api(settings, host=host, port=port)
