"""What the plain pages around the log-in share: their frame, cookies, the check of a form's origin, safe redirects. No page's own steps."""

from __future__ import annotations

import functools
import hmac
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards import design, words
from dashboards.visit import COOKIE
from learnlake.errors import LearnlakeError
from learnlake.settings import get_settings

FORM_COOKIE = "learnlake_form"
"""Holds the forms' own token: a form sent from another site doesn't know it."""
CHALLENGE_COOKIE = "learnlake_challenge"
"""Holds the token of a log-in that still owes a code."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=jinja2.ChainableUndefined,
    trim_blocks=True,
)
t, tn = words.room(__name__)
MET_AT_LOG_IN = (
    words.mark("Log-in or password is not right"),
    words.mark("Too many wrong passwords"),
    words.mark("Too many wrong codes"),
    words.mark("wait {seconds} s, then try again"),
    words.mark("This account holds no role at present"),
    words.mark("ask an administrator for one"),
    words.mark("The code is not right"),
    words.mark("wait for the app's next code and check that your device's clock is right"),
    words.mark("use the app's newest code, each one once, or a recovery code"),
    words.mark("This log-in took too long"),
    words.mark("begin again"),
    words.mark("You are logged out"),
    words.mark("log in again"),
    words.mark("This link has been used, or is too old"),
    words.mark("ask your school's administrator for a new one"),
    words.mark("The current password is not right"),
    words.mark("The password is not right"),
    words.mark("The password is shorter than {shortest} characters"),
    words.mark("use a longer one, such as a few words"),
    words.mark("use a few words that do not belong together, or one that a password manager makes"),
)
"""What `people` says in its errors to somebody who logs in or looks after the own account."""


def _in_html(text: str, **values: words.Value) -> Markup:
    """`t` for templates: a translation may hold tags, a value is shown as it is."""
    return Markup(t(text)).format(**values)


def _many_in_html(one: str, many: str, count: int, **values: words.Value) -> Markup:
    return Markup(tn(one, many, count, **{name: escape(value) for name, value in values.items()}))


_TEMPLATES.globals |= {"t": _in_html, "tn": _many_in_html, "moment": words.moment}


def show(request: Request, template: str, *, title: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from `template`, with the token that its forms send back."""
    form_token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    body = _TEMPLATES.get_template(template).render(
        title=title,
        style=_style(),
        form_token=form_token,
        language=words.current().language,
        languages=words.LANGUAGES,
        **values,
    )
    response = HTMLResponse(body, status_code=status, headers=_HEADERS)
    response.set_cookie(
        FORM_COOKIE,
        form_token,
        max_age=3600,
        httponly=True,
        samesite="strict",
        secure=is_https(request),
        path="/",
    )
    return response


def say(request: Request, title: str, *lines: str, status: int, link: str = "/login") -> HTMLResponse:
    """A page that says something and leads on."""
    text = t("Back to the log-in") if link == "/login" else t("Go on")
    return show(request, "message.html", title=title, status=status, lines=lines, link=link, link_text=text)


def sentence(error: LearnlakeError) -> str:
    """An error as a sentence on a page; in English where it is none of those met at the log-in."""
    what, mend = (words.retold(text or "", MET_AT_LOG_IN, t) for text in (error.what, error.mend))
    return f"{what}: {mend}." if mend else f"{what}."


def go(target: str) -> RedirectResponse:
    """On to `target` of this site, kept in no cache."""
    return RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})


async def fields_of(request: Request, *names: str) -> dict[str, str] | None:
    """The named fields of a form of ours; None for a form that another site sent, or one that is too old."""
    form = await request.form(max_fields=12, max_files=0)
    fields = {name: str(form.get(name) or "") for name in ("form_token", *names)}
    known = request.cookies.get(FORM_COOKIE, "")
    is_known = bool(known) and hmac.compare_digest(known.encode(), fields["form_token"].encode())
    return fields if is_known and is_same_site(request) else None


def safe_target(target: str | None) -> str:
    """`target` if it is a path of this site, otherwise the start page: no redirect ever leaves the site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\", "/login", "/auth/")):
        return "/"
    if "\\" in target or any(ord(sign) < 33 or ord(sign) == 127 for sign in target):
        return "/"
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else "/"


def is_https(request: Request) -> bool:
    """Whether cookies can be kept to TLS: by this request's word, its proxy's or the setting."""
    return (
        request.url.scheme == "https"
        or request.headers.get("x-forwarded-proto") == "https"
        or (get_settings().public_url or "").startswith("https://")
    )


def is_same_site(request: Request) -> bool:
    """Whether a browser says that this request comes from our own page or from the address bar."""
    sent_from = request.headers.get("sec-fetch-site")
    if sent_from:
        return sent_from in {"same-origin", "none"}
    origin = request.headers.get("origin") or request.headers.get("referer")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def source_of(request: Request) -> str:
    """The address that asks, for the audit trail and the list of sessions."""
    return request.client.host if request.client else "unknown"


def base_url(request: Request) -> str:
    """The dashboards' address without a trailing slash: the setting's, or the one that the browser used."""
    return (get_settings().public_url or str(request.base_url)).rstrip("/")


def keep_session(request: Request, response: Response, token: str) -> None:
    """Give the browser its session, and take back what led to it."""
    _keep(request, response, COOKIE, token, max_age=get_settings().session_hours * 3600, path="/")
    response.delete_cookie(CHALLENGE_COOKIE, path="/login")
    response.delete_cookie(FORM_COOKIE, path="/")


def keep_challenge(request: Request, response: Response, token: str) -> None:
    """Give the browser what names a log-in that owes a code."""
    _keep(request, response, CHALLENGE_COOKIE, token, max_age=600, path="/login")


def keep_language(request: Request, response: Response, code: str) -> None:
    """Keep the language that was chosen before the log-in."""
    _keep(request, response, words.COOKIE, code, max_age=365 * 86400, path="/")


def _keep(request: Request, response: Response, name: str, token: str, *, max_age: int, path: str) -> None:
    response.set_cookie(
        name, token, max_age=max_age, httponly=True, samesite="lax", secure=is_https(request), path=path
    )


@functools.cache
def _style() -> Markup:
    values = {"font": design.FONT, "light": _variables(design.LIGHT), "dark": _variables(design.DARK)}
    trusted = {name: Markup(value) for name, value in values.items()}  # our own colours, nobody's input
    return Markup(_TEMPLATES.get_template("style.css").render(**trusted))


def _variables(colours: design.Palette) -> str:
    return (
        f"--bg:{colours.background};--card:{colours.surface};--line:{colours.border};--text:{colours.text};"
        f"--muted:{colours.muted};--accent:{colours.accent};--on-accent:{colours.background};"
        f"--bad:{colours.attention_text};--bad-soft:{colours.attention_soft};"
        f"--good:{colours.fine_text};--good-soft:{colours.fine_soft}"
    )
