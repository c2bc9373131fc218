"""Messages from teachers, as the student or the guardian whom they are addressed to reads them."""

from __future__ import annotations

import html

import streamlit as st

from dashboards import words
from dashboards.components import page
from dashboards.visit import Visit, people_of
from people import contact
from people.contact import Message
from people.names import display_names

t, tn = words.room(__name__)
SHOWN_READ = 10


def show(visit: Visit, *, about: str | None = None) -> int:
    """Unread messages on top, read ones folded; `about` keeps to one child's. Answers how many are unread."""
    engine = people_of(visit.settings)
    found = [one for one in contact.inbox(engine, visit.viewer) if about in (None, one.person_key)]
    if not found:
        return 0
    unread = [one for one in found if visit.viewer.viewer_key not in one.read_by]
    read = [one for one in found if visit.viewer.viewer_key in one.read_by]
    names = display_names(engine, visit.viewer.tenant, {one.author_key for one in found})
    if unread:
        page.section(tn("{count} new message for you", "{count} new messages for you", len(unread)))
        for one in unread:
            with st.container(border=True):
                _told(one, names)
                if st.button(t("I have read this"), key=f"read_{one.message_id}"):
                    contact.acknowledge(engine, visit.viewer, [one.message_id])
                    st.rerun()
    if read:
        with st.expander(t("Messages that you have read ({count})", count=len(read))):
            for one in read[:SHOWN_READ]:
                _told(one, names)
            if len(read) > SHOWN_READ:
                st.caption(t("The newest {count} are shown.", count=SHOWN_READ))
    return len(unread)


def _told(one: Message, names: dict[str, str]) -> None:
    author = names.get(one.author_key, t("A teacher who has left"))
    st.html(
        f'<div class="ll-small">{html.escape(author)}, {words.day(one.sent_at.date())}</div>'
        f'<div style="white-space:pre-wrap">{html.escape(one.text)}</div>'
    )
