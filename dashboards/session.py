"""A run of the app: check the session, build the menu from the roles held, run one page in its frame. No page's content."""

from __future__ import annotations

import dataclasses
import html
import json
from pathlib import Path

import streamlit as st

from dashboards import design, words
from dashboards.components import page, states
from dashboards.menu import PAGES, PageSpec
from dashboards.visit import ROLE_NAMES, newest_build, people_of, viewer_of, visiting
from learnlake.errors import AccessError
from learnlake.settings import Settings, get_settings
from people import accounts, policy
from people.sessions import Viewer
from warehouse.door import Door

ICON = Path(__file__).parent / "static" / "icon.png"
t, _tn = words.room(__name__)


def run(token: str | None) -> None:
    """Show the page that the address names to whoever holds `token`; the way to the log-in without a live session."""
    st.set_page_config(page_title="Learnlake", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    settings = get_settings()
    viewer = viewer_of(settings, token, is_use=not st.session_state.get("moved_on", False))
    accepted = st.context.headers.to_dict().get("Accept-Language")
    kept = (viewer.language if viewer else None) or st.context.cookies.to_dict().get(words.COOKIE)
    words.use(words.negotiate(kept, accepted, settings.default_language))
    st.html(design.css(design.palette()))
    if viewer is None or token is None:
        _to_login()
        return
    menu: dict[str, list[st.Page]] = {}
    pages: dict[str, st.Page] = {}
    for role in viewer.roles:
        own = [spec for spec in PAGES if role in spec.roles and spec.path not in pages]
        entries = [_page(spec, role, settings, viewer, token) for spec in own]
        menu[t(ROLE_NAMES[role])] = entries
        pages |= {spec.path: entry for spec, entry in zip(own, entries, strict=True)}
    first = next(iter(pages.values()))
    others = [spec for spec in PAGES if spec.path not in pages]
    menu[""] = [_home(first), *(_refusal(spec) for spec in others)]
    st.session_state["pages"] = pages
    chosen = st.navigation(menu)
    st.set_page_config(page_title=f"{chosen.title} · Learnlake")
    _sidebar(settings, viewer)
    chosen.run()


def _page(spec: PageSpec, role: str, settings: Settings, viewer: Viewer, token: str) -> st.Page:
    def show() -> None:
        _show(spec, settings, dataclasses.replace(viewer, role=role), token)

    return st.Page(
        show,
        title=t(spec.title),
        icon=spec.icon,
        url_path=spec.path,
        visibility="visible" if spec.in_menu else "hidden",
    )


def _home(first: st.Page) -> st.Page:
    """The site's bare address: leads to the first page of the first role, which has an address of its own."""

    def go() -> None:
        st.switch_page(first, query_params=st.query_params.to_dict())

    return st.Page(go, title="Learnlake", url_path="home", default=True, visibility="hidden")


def _refusal(spec: PageSpec) -> st.Page:
    return st.Page(states.not_yours, title=t(spec.title), url_path=spec.path, visibility="hidden")


def _show(spec: PageSpec, settings: Settings, viewer: Viewer, token: str) -> None:
    if newest_build(settings) is None:
        states.nothing_published(viewer.role)
        page.watch(settings, token, None)
        return
    try:
        with visiting(settings, _door(settings, viewer), viewer, token) as visit:
            st.session_state["audit_export"] = visit.door.audit_export
            st.session_state["may_export"] = viewer.role in policy.EXPORTS["page"]
            spec.render(visit)
            page.footer(visit)
    except AccessError:
        states.not_yours()
    except Exception as error:
        states.failed(error, role=viewer.role)


def _door(settings: Settings, viewer: Viewer) -> Door:
    """This browser session's door in this role. It asks the policy anew for each query, so that it may be kept."""
    doors: dict[tuple[int, str], Door] = st.session_state.setdefault("doors", {})
    key = (viewer.account_id, viewer.role)
    if key not in doors:
        address = st.context.ip_address or "127.0.0.1"  # Streamlit answers None for this machine
        doors[key] = Door(settings, viewer, source=f"dashboards {address}")
    return doors[key]


def _sidebar(settings: Settings, viewer: Viewer) -> None:
    with st.sidebar:
        who = t("Logged in as {login}", login=f"<b>{html.escape(viewer.login)}</b>")
        st.html(
            f'<p class="ll-small ll-out">{who}<br><a href="/account" target="_self">{t("Your account")}</a> · '
            f'<a href="/auth/logout" target="_self">{t("Log out")}</a></p>' + _page_frame(),
            unsafe_allow_javascript=True,
        )
        st.session_state["language"] = words.current().language
        st.selectbox(
            t("Language"),
            list(words.LANGUAGES),
            format_func=words.LANGUAGES.__getitem__,
            key="language",
            on_change=_choose_language,
            args=(settings, viewer.account_id),
        )


def _page_frame() -> str:
    """What Streamlit's page does not say in the reader's language: which one it is, and its link past the menu."""
    skip = json.dumps(t("Skip to the content"))
    return (
        f"<script>document.documentElement.lang = '{words.current().language}';"
        f"document.querySelector('[data-testid=stSkipToContent]').textContent = {skip}</script>"
    )


def _choose_language(settings: Settings, account_id: int) -> None:
    accounts.choose_language(people_of(settings), account_id, st.session_state["language"])


def _to_login() -> None:
    """Send the browser to the log-in page; a link stands there too for browsers that run no script."""
    st.html(
        f'<div class="ll-state"><strong>{t("You are logged out")}</strong>'
        f'<a href="/login" target="_self">{t("Log in again")}</a></div>'
        "<script>window.location.assign('/login')</script>",
        unsafe_allow_javascript=True,
    )
