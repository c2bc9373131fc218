"""Evidently's drift report as a document of its own: for administrators, without network, in a sandbox without our origin.

The report is 3.7 MB of HTML with its own scripts. Its policy lets them run and nothing be fetched or sent.
"""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from dashboards import words
from dashboards.visit import COOKIE, viewer_of
from learnlake.settings import Settings, get_settings
from people.sessions import Viewer

t, tn = words.room(__name__)
PATH = "/administrator-models/report"
ROLE = "administrator"
POLICY = (
    "default-src 'none'; sandbox allow-scripts; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'"
)


def report_of(settings: Settings, tenant: str) -> Path | None:
    """The newest report of a tenant; None before the first comparison."""
    found = settings.home.reports / f"drift-{tenant}.html"
    return found if found.is_file() else None


async def show(request: Request) -> Response:
    """The report of the viewer's tenant. 403 for other roles, 404 before there is one."""
    settings = get_settings()
    viewer: Viewer | None = await run_in_threadpool(viewer_of, settings, request.cookies.get(COOKIE))
    if viewer is None or ROLE not in viewer.roles:
        return PlainTextResponse(t("Only administrators may see this."), status_code=403)
    found = report_of(settings, viewer.tenant)
    if found is None:
        return PlainTextResponse(t("No sessions have been compared yet."), status_code=404)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    file_name = "drift.html" if "save" in request.query_params else None
    return FileResponse(found, media_type="text/html", headers=headers, filename=file_name)


ROUTES = [Route(PATH, show)]
