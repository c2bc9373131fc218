"""A run of the app: check the session, build the menu from the roles held, run one page in its frame. No page's content."""

from __future__ import annotations

import dataclasses
import html
from pathlib import Path

import streamlit as st

from dashboards import design
from dashboards.components import page, states
from dashboards.menu import PAGES, PageSpec
from dashboards.visit import ROLE_NAMES, newest_build, viewer_of, visiting
from learnlake.errors import AccessError
from learnlake.settings import Settings, get_settings
from people import policy
from people.sessions import Viewer
from warehouse.door import Door

ICON = Path(__file__).parent / "static" / "icon.png"


def run(token: str | None) -> None:
    """Show the page that the address names to whoever holds `token`; the way to the log-in without a live session."""
    st.set_page_config(page_title="Learnlake", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    settings = get_settings()
    viewer = viewer_of(settings, token, is_use=not st.session_state.get("moved_on", False))
    if viewer is None or token is None:
        _to_login()
        return
    menu: dict[str, list[st.Page]] = {}
    pages: dict[str, st.Page] = {}
    for role in viewer.roles:
        own = [spec for spec in PAGES if role in spec.roles and spec.path not in pages]
        menu[ROLE_NAMES[role]] = [_page(spec, role, settings, viewer, token) for spec in own]
        pages |= {spec.path: entry for spec, entry in zip(own, menu[ROLE_NAMES[role]], strict=True)}
    first = next(iter(pages.values()))
    others = [spec for spec in PAGES if spec.path not in pages]
    menu[""] = [_home(first), *(_refusal(spec) for spec in others)]
    st.session_state["pages"] = pages
    chosen = st.navigation(menu)
    _sidebar(viewer)
    chosen.run()


def _page(spec: PageSpec, role: str, settings: Settings, viewer: Viewer, token: str) -> st.Page:
    def show() -> None:
        _show(spec, settings, dataclasses.replace(viewer, role=role), token)

    return st.Page(
        show,
        title=spec.title,
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
    def refuse() -> None:
        st.html(design.css(design.palette()))
        states.not_yours()

    return st.Page(refuse, title=spec.title, url_path=spec.path, visibility="hidden")


def _show(spec: PageSpec, settings: Settings, viewer: Viewer, token: str) -> None:
    st.html(design.css(design.palette()))
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


def _sidebar(viewer: Viewer) -> None:
    with st.sidebar:
        st.html(
            '<p class="ll-small ll-out">Logged in as <b>'
            f'{html.escape(viewer.login)}</b><br><a href="/account" target="_self">Your account</a> · <a href="/auth/logout" target="_self">Log out</a></p>'
        )


def _to_login() -> None:
    """Send the browser to the log-in page; a link stands there too for browsers that run no script."""
    st.html(design.css(design.palette()))
    st.html(
        '<div class="ll-state"><strong>You are logged out</strong><a href="/login" target="_self">Log in again</a></div>'
        "<script>window.location.assign('/login')</script>",
        unsafe_allow_javascript=True,
    )
