"""What a page shows when it has nothing to show: empty, nothing published yet, not yours, failed. Never a traceback."""

from __future__ import annotations

import html
import logging
import secrets

import streamlit as st

from dashboards import words
from learnlake.errors import LearnlakeError

_log = logging.getLogger(__name__)
t, _tn = words.room(__name__)


def empty(title: str, explanation: str) -> None:
    """A place without data: what is missing and what makes it appear."""
    _state(title, html.escape(explanation))


def nothing_published(role: str) -> None:
    """A fresh home. An administrator reads what to do next, everybody else whom to ask."""
    st.title(t("Nothing to show yet"), anchor=False)
    if role == "administrator":
        _state(
            t("No data have been published"),
            t(
                "Three steps: <code>learnlake roster import FOLDER</code> brings people and classes, your learning system "
                "sends statements to the Learning Record Store, and <code>learnlake run</code> builds the first pages. "
                "To look around first: <code>learnlake demo</code> brings a generated school."
            ),
        )
    else:
        _state(
            t("Your school's data have not been published yet"),
            t(
                "Your administrator can tell when they will be. This page opens by itself as soon as they are there."
            ),
        )


def not_yours() -> None:
    """Another role's page, opened by its address."""
    st.title(t("This page is not for you"), anchor=False)
    _state(
        t("Your role does not include this page"),
        t(
            "Choose one of your own pages from the menu. If you think that you should see it, ask your administrator."
        ),
    )


def failed(error: Exception, *, role: str) -> None:
    """A page that broke: a reference for the log, never a traceback. Administrators also read what to mend."""
    reference = secrets.token_hex(4)
    _log.error("a page failed, reference %s", reference, exc_info=error)
    explanation = t(
        "Nothing of yours is lost, and the other pages still work. Try again in a minute. If it stays, give your "
        "administrator this reference: <b>{reference}</b>.",
        reference=reference,
    )
    if role == "administrator" and isinstance(error, LearnlakeError):
        explanation += f"<br><br>{html.escape(error.what)} {html.escape(error.mend or '')}"
    _state(t("This page could not be shown"), explanation)


def _state(title: str, explanation: str) -> None:
    st.html(f'<div class="ll-state" role="status"><strong>{html.escape(title)}</strong>{explanation}</div>')
