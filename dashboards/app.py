"""The dashboards as one ASGI application: Streamlit's pages behind our log-in. `app` is what a server runs.

`learnlake dashboards serve`, `uvicorn dashboards.app:app` and `streamlit run dashboards/app.py` start the same thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import streamlit as st
from altair.utils import schemapi
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from streamlit import config

from dashboards import account, design, drift_report, login, oidc, session
from dashboards.guard import Guard
from dashboards.visit import people_of
from data_contracts.load import mart_contracts
from learnlake.errors import LearnlakeError
from learnlake.settings import get_settings
from people import directory

_log = logging.getLogger(__name__)


def _configure() -> None:
    for name, value in design.streamlit_options().items():
        config.set_option(name, value)


def _hide_error(error: Exception) -> bool:
    """Nobody is shown a traceback; the log has it. Pages show their own failed state before it comes to this."""
    _log.error("the page script failed", exc_info=error)
    return True


@contextlib.asynccontextmanager
async def _lifespan(_app: st.App) -> AsyncIterator[None]:
    """Ask the directory now and then about those who have logged in with it, as long as the server runs."""
    known = get_settings().ldap
    asking = asyncio.create_task(_ask_directory(known.check_minutes * 60)) if known else None
    try:
        yield
    finally:
        if asking:
            asking.cancel()


async def _ask_directory(seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await run_in_threadpool(lambda: directory.check_sessions(people_of(get_settings())))
        except LearnlakeError as error:
            _log.warning("the directory could not be asked: %s", error.what)


_configure()
schemapi.disable_debug_mode()  # Altair checks each part of a chart against its schema: a tenth of a page's processor time; the tests keep it
assert (
    session
)  # the pages' modules are imported and the contracts read at start: the first visitor doesn't wait for them
mart_contracts()
app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[*login.ROUTES, *oidc.ROUTES, *account.ROUTES, *drift_report.ROUTES],
    middleware=[Middleware(Guard)],
    on_script_error=_hide_error,
    lifespan=_lifespan,
)
