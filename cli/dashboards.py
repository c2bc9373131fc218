"""`learnlake dashboards`: serving the pages. What they show is in `dashboards`."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from learnlake.log import configure_logging
from learnlake.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="The pages that people see.")


@app.callback()
def main() -> None:
    """The pages that people see."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: LEARNLAKE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; default: LEARNLAKE_DASHBOARDS_PORT.")] = None,
) -> None:
    """Serve the dashboards until stopped."""
    settings = get_settings()
    configure_logging(settings)
    import uvicorn

    from cli.operations import HereOperations
    from dashboards.app import app as pages
    from learnlake import operations

    operations.provide(HereOperations())

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it logs every visitor's address
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs the address of every request to a provider
    address, number = host or settings.host, port or settings.dashboards_port
    logging.getLogger(__name__).info("dashboards at http://%s:%s", address, number)
    uvicorn.run(
        pages,
        host=address,
        port=number,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )
