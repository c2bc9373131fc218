"""`learnlake api serve`: the HTTP API beside the LRS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from learnlake.log import configure_logging
from learnlake.settings import settings_with

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The HTTP API: log in, read one's own rows."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: LEARNLAKE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; default: LEARNLAKE_API_PORT.")] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Serve by TLS with this PEM file; default LEARNLAKE_TLS_CERTIFICATE.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Its private key, PEM; default LEARNLAKE_TLS_KEY.")
    ] = None,
) -> None:
    """Serve the API until stopped."""
    from api.server import serve as serve_api

    settings = settings_with(tls_certificate=tls_certificate, tls_key=tls_key)
    configure_logging(settings)
    serve_api(settings, host=host, port=port)
