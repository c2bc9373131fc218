"""The dashboards as one ASGI application: Streamlit's pages behind our log-in. `app` is what a server runs.

`learnlake dashboards serve`, `uvicorn dashboards.app:app` and `streamlit run dashboards/app.py` start the same thing.
"""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from dashboards import account, design, login, oidc, session
from dashboards.guard import Guard
from data_contracts.load import mart_contracts

_log = logging.getLogger(__name__)


def _configure() -> None:
    for name, value in design.streamlit_options().items():
        config.set_option(name, value)


def _hide_error(error: Exception) -> bool:
    """Nobody is shown a traceback; the log has it. Pages show their own failed state before it comes to this."""
    _log.error("the page script failed", exc_info=error)
    return True


_configure()
assert (
    session
)  # the pages' modules are imported and the contracts read at start: the first visitor doesn't wait for them
mart_contracts()
app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[*login.ROUTES, *oidc.ROUTES, *account.ROUTES],
    middleware=[Middleware(Guard)],
    on_script_error=_hide_error,
)
