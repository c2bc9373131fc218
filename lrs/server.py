"""Serving the LRS: one process on SQLite, several on PostgreSQL."""

from __future__ import annotations

from learnlake.errors import InputError
from learnlake.locks import alone
from learnlake.log import configure_logging
from learnlake.serving import AsgiApplication, serve_here, serve_processes, worker
from learnlake.settings import Settings, get_settings
from lrs.app import Application
from lrs.store.database import open_database


def serve(settings: Settings, *, host: str | None = None, port: int | None = None, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT. Several workers need PostgreSQL: SQLite has one writing process."""
    host, port = host or settings.host, port or settings.lrs_port
    settings.home.create()
    if (settings.database_url or "").startswith("postgres"):
        _check_store(settings)
        if workers > 1:
            serve_processes("lrs.server:worker_app", settings, host=host, port=port, workers=workers)
        else:
            serve_here(Application(settings), settings, host=host, port=port)
        return
    if workers > 1:
        raise InputError(
            f"{workers} workers need PostgreSQL as the store",
            where="--workers",
            mend="set LEARNLAKE_DATABASE_URL=postgresql://..., or serve SQLite with one worker",
        )
    with alone(
        settings.home.run / "lrs.lock",
        "an LRS is serving this home folder already",
        mend="stop it, or set LEARNLAKE_HOME to another folder",
    ):
        _check_store(settings)
        serve_here(Application(settings), settings, host=host, port=port)


def _check_store(settings: Settings) -> None:
    """Migrate the store, or say why it cannot be used, while there is somebody to read it: later the server would end with a traceback."""
    open_database(settings)


def worker_app() -> AsgiApplication:
    """The application of one of several worker processes."""
    settings = get_settings()
    configure_logging(settings)
    return worker(Application(settings), settings)
