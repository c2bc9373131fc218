"""What every request passes before Streamlit sees it: nobody without a session gets further than the log-in page."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards import words
from dashboards.visit import COOKIE, viewer_of
from learnlake.settings import get_settings
from people.sessions import Viewer

OPEN_PATHS = frozenset(
    {
        "/login",
        "/login/code",
        "/login/enrol",
        "/login/reset",
        "/login/language",
        "/auth/login",
        "/auth/logout",
        "/health",
        "/_stcore/health",
        "/favicon.png",
    }
)
OPEN_PREFIXES = ("/static/", "/auth/oidc/")
"""Streamlit's own scripts and fonts, the same for everybody and nobody's data; and the way to a provider and back."""
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        # Streamlit's page needs inline script and Vega evaluates its expressions; nothing may come from or go elsewhere
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' ws: wss:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
}


class Guard:
    """ASGI middleware: default deny. Pages redirect to the log-in, everything else answers 401; headers are hardened.

    The page's WebSocket is let through without a session too: its script asks who is there at each run, and shows the
    way to the log-in to somebody whose session has ended.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        path = request.url.path
        is_open = path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)
        viewer = await self._viewer(request)
        if not is_open and viewer is None:
            await self._refuse(request)(scope, receive, send)
            return
        words.use(
            words.negotiate(
                viewer.language if viewer and viewer.language else request.cookies.get(words.COOKIE),
                request.headers.get("accept-language"),
                get_settings().default_language,
            )
        )
        await self._app(scope, receive, _hardened(send))

    async def _viewer(self, request: Request) -> Viewer | None:
        if request.url.path.startswith(("/static/", "/_stcore/health", "/health")):
            return None
        token = request.cookies.get(COOKIE)
        return await run_in_threadpool(viewer_of, get_settings(), token) if token else None

    def _refuse(self, request: Request) -> Response:
        is_page = request.method in {"GET", "HEAD"} and not request.url.path.startswith("/_stcore/")
        if not is_page or "." in request.url.path.rsplit("/", 1)[-1]:
            return PlainTextResponse("Log in first: /login", status_code=401)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        query = "" if target == "/" else f"?next={quote(target, safe='')}"
        return RedirectResponse(f"/login{query}", status_code=303, headers={"Cache-Control": "no-store"})


def _hardened(send: Send) -> Send:
    async def send_hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_hardened
