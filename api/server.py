"""Serving the API in this process until SIGTERM or SIGINT."""

from __future__ import annotations

from api.app import create_app
from learnlake.serving import serve_here
from learnlake.settings import Settings


def serve(settings: Settings, *, host: str | None = None, port: int | None = None) -> None:
    """Serve until told to stop; requests that were taken are answered first."""
    settings.home.create()
    serve_here(create_app(settings), settings, host=host or settings.host, port=port or settings.api_port)
