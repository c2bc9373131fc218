"""Logging in and out: plain HTML outside Streamlit, so that the cookie can be HttpOnly. Passwords are checked in `people`."""

from __future__ import annotations

import hmac
import html
import secrets
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboards import design
from dashboards.visit import COOKIE, people_of, viewer_of
from learnlake.errors import AccessError
from learnlake.settings import get_settings
from people import sessions

FORM_COOKIE = "learnlake_form"
"""Holds the form's own token: a log-in form sent from another site doesn't know it."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
}


async def show_form(request: Request) -> Response:
    """GET /login: the form; straight on to the pages for somebody who is logged in already."""
    if await run_in_threadpool(viewer_of, get_settings(), request.cookies.get(COOKIE)):
        return RedirectResponse(_safe_target(request.query_params.get("next")), status_code=303)
    return _form(request, target=_safe_target(request.query_params.get("next")))


async def log_in(request: Request) -> Response:
    """POST /auth/login: form fields login, password, form_token, next. Sets the session cookie or shows the form again."""
    form = await request.form(max_fields=8, max_files=0)
    fields = {name: str(form.get(name) or "") for name in ("login", "password", "form_token", "next")}
    target = _safe_target(fields["next"])
    if not _is_own_form(request, fields["form_token"]):
        return _form(request, target=target, problem="The form was too old. Please try again.", status=403)
    settings = get_settings()
    source = request.client.host if request.client else "unknown"
    try:
        token = await run_in_threadpool(
            sessions.log_in, people_of(settings), fields["login"].strip(), fields["password"], source
        )
    except AccessError as error:
        problem = error.what + (f": {error.mend}." if error.mend else ".")
        return _form(request, target=target, problem=problem, login=fields["login"], status=401)
    response = RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        token,
        max_age=settings.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=_is_https(request),
        path="/",
    )
    response.delete_cookie(FORM_COOKIE, path="/")
    return response


async def log_out(request: Request) -> Response:
    """GET or POST /auth/logout: end the session. A link on another site gets a question instead."""
    if not _is_same_site(request):
        return HTMLResponse(_page("Log out?", _LOGOUT_QUESTION), headers=_HEADERS)
    token = request.cookies.get(COOKIE)
    if token:
        source = request.client.host if request.client else "unknown"
        await run_in_threadpool(lambda: sessions.log_out(people_of(get_settings()), token, source=source))
    response = RedirectResponse("/login", status_code=303, headers={"Cache-Control": "no-store"})
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


async def health(_request: Request) -> Response:
    """GET /health: the process answers."""
    return JSONResponse({"status": "ok"})


ROUTES = [
    Route("/login", show_form, methods=["GET"]),
    Route("/auth/login", log_in, methods=["POST"]),
    Route("/auth/logout", log_out, methods=["GET", "POST"]),
    Route("/health", health, methods=["GET"]),
]


def _safe_target(target: str | None) -> str:
    """`target` if it is a path of this site, otherwise the start page: no redirect ever leaves the site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\", "/login", "/auth/")):
        return "/"
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc and "\\" not in target else "/"


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


def _is_same_site(request: Request) -> bool:
    """Whether a browser says that this request comes from our own page or from the address bar."""
    sent_from = request.headers.get("sec-fetch-site")
    if sent_from:
        return sent_from in {"same-origin", "none"}
    origin = request.headers.get("origin") or request.headers.get("referer")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _is_own_form(request: Request, form_token: str) -> bool:
    known = request.cookies.get(FORM_COOKIE, "")
    return bool(known) and hmac.compare_digest(known.encode(), form_token.encode()) and _is_same_site(request)


def _form(
    request: Request, *, target: str, problem: str | None = None, login: str = "", status: int = 200
) -> HTMLResponse:
    form_token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    alert = f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
    body = _FORM.format(
        alert=alert,
        login=html.escape(login, quote=True),
        target=html.escape(target, quote=True),
        form_token=html.escape(form_token, quote=True),
    )
    response = HTMLResponse(_page("Log in", body), status_code=status, headers=_HEADERS)
    response.set_cookie(
        FORM_COOKIE,
        form_token,
        max_age=3600,
        httponly=True,
        samesite="strict",
        secure=_is_https(request),
        path="/",
    )
    return response


def _page(title: str, body: str) -> str:
    return _PAGE.format(title=html.escape(title), style=_style(), body=body)


def _style() -> str:
    light, dark = design.LIGHT, design.DARK
    return _STYLE % {
        "font": design.FONT,
        "light": _variables(light),
        "dark": _variables(dark),
    }


def _variables(colours: design.Palette) -> str:
    return (
        f"--bg:{colours.background};--card:{colours.surface};--line:{colours.border};--text:{colours.text};"
        f"--muted:{colours.muted};--accent:{colours.accent};--on-accent:{colours.background};"
        f"--bad:{colours.attention_text};--bad-soft:{colours.attention_soft}"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title} · Learnlake</title><style>{style}</style></head>
<body><main><p class="brand">Learnlake</p>{body}</main></body></html>"""

_FORM = """<h1>Log in</h1><p class="lead">See what your learners need next.</p>{alert}
<form method="post" action="/auth/login">
<label for="login">User name</label>
<input id="login" name="login" value="{login}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<input type="hidden" name="form_token" value="{form_token}"><input type="hidden" name="next" value="{target}">
<button type="submit">Log in</button></form>
<p class="small">No account, or forgotten the password? Ask your school's administrator.</p>"""

_LOGOUT_QUESTION = """<h1>Log out?</h1><p class="lead">Another site asked to log you out.</p>
<form method="post" action="/auth/logout"><button type="submit">Log out</button></form>
<p class="small"><a href="/">Back to my pages</a></p>"""

_STYLE = """:root{%(light)s}
@media (prefers-color-scheme:dark){:root{%(dark)s}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 %(font)s;min-height:100vh;display:grid;place-items:center;padding:1rem}
main{width:100%%;max-width:24rem;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.8rem 1.6rem}
.brand{margin:0 0 1.2rem;font-weight:650;color:var(--accent);letter-spacing:.01em}
h1{font-size:1.7rem;line-height:1.2;margin:0}
.lead{margin:.3rem 0 1.2rem;color:var(--muted)}
label{display:block;font-weight:600;margin:.9rem 0 .3rem}
input{width:100%%;font:inherit;color:inherit;background:var(--bg);border:1px solid var(--muted);border-radius:8px;padding:.65rem .7rem}
button{width:100%%;margin-top:1.3rem;font:inherit;font-weight:650;padding:.75rem;border:0;border-radius:8px;background:var(--accent);color:var(--on-accent);cursor:pointer}
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.problem{background:var(--bad-soft);color:var(--bad);border-radius:8px;padding:.6rem .8rem;margin:0 0 .4rem}
.small{font-size:.85rem;color:var(--muted);margin:1.2rem 0 0}
a{color:var(--accent)}"""
