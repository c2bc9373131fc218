"""Logging in: plain HTML outside Streamlit, so that cookies can be HttpOnly. What is right is decided in `people`."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Literal, TypeVar
from urllib.parse import quote

import segno
from markupsafe import Markup
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboards import forms, words
from dashboards.visit import COOKIE, people_of, viewer_of
from learnlake.errors import AccessError, InputError, LearnlakeError
from learnlake.settings import get_settings
from learnlake.throttle import Addresses, retry_after, source_of
from people import resets, second_factor, sessions

T = TypeVar("T")
_log = logging.getLogger(__name__)
TOO_OLD = words.mark("The form was too old. Please try again.")
t, tn = words.room(__name__)


async def with_people(work: Callable[[Engine], T]) -> T:
    """The answer of `work` on people.db, off the event loop."""
    return await run_in_threadpool(lambda: work(people_of(get_settings())))


async def show_form(request: Request) -> Response:
    """GET /login: the form; straight on to the pages for somebody who is logged in already."""
    target = forms.safe_target(request.query_params.get("next"))
    if await run_in_threadpool(viewer_of, get_settings(), request.cookies.get(COOKIE)):
        return forms.go(target)
    return _form(request, target)


async def log_in(request: Request) -> Response:
    """POST /auth/login: login, password, next. The session's cookie, the way to the code, or the form again."""
    fields = await forms.fields_of(request, "login", "password", "next")
    if fields is None:
        return _form(request, "/", problem=t(TOO_OLD), status=403)
    target, login = forms.safe_target(fields["next"]), fields["login"].strip()
    addresses, source = _addresses(get_settings().guesses_per_address), source_of(forms.source_of(request))
    if seconds := addresses.wait(source, login):
        problem = tn(
            "Too many wrong passwords came from your network: wait one second, then try again.",
            "Too many wrong passwords came from your network: wait {count} seconds, then try again.",
            math.ceil(seconds),
        )
        response = _form(request, target, problem=problem, login=fields["login"], status=429)
        response.headers.update(retry_after(seconds))
        return response
    try:
        admission = await with_people(
            lambda engine: sessions.begin(
                engine,
                login,
                fields["password"],
                forms.source_of(request),
                replaces=request.cookies.get(COOKIE),
            )
        )
    except LearnlakeError as error:
        if isinstance(error, AccessError):
            addresses.wrong(source, login)
        return _form(
            request, target, problem=forms.sentence(error), login=fields["login"], status=_status(error)
        )
    addresses.right(source, login)
    return admitted(request, admission, target)


@functools.cache
def _addresses(free: int) -> Addresses:
    """This process's memory of who guesses."""
    return Addresses(free=free)


def _status(error: LearnlakeError) -> int:
    """401 for who is not let in; 503 for what whoever runs Learnlake has to mend, which the log keeps."""
    if isinstance(error, AccessError):
        return 401
    _log.error("a log-in could not be judged: %s", error)
    return 503


def admitted(request: Request, admission: sessions.Admission, target: str) -> Response:
    """On to the pages with a session, or to what is owed first."""
    if admission.stage == "session":
        response = forms.go(target)
        forms.keep_session(request, response, admission.token)
        return response
    place = "/login/code" if admission.stage == "second-factor" else "/login/enrol"
    response = forms.go(place if target == "/" else f"{place}?next={quote(target, safe='')}")
    forms.keep_challenge(request, response, admission.token)
    return response


async def show_code(request: Request) -> Response:
    """GET /login/code: asks for the code of somebody whose password was right."""
    return await _ask(request, "second-factor", forms.safe_target(request.query_params.get("next")))


async def take_code(request: Request) -> Response:
    """POST /login/code: code, next. The session for the right code, or the question again."""
    return await _take(request, "second-factor")


async def show_enrolment(request: Request) -> Response:
    """GET /login/enrol: the second factor that a role asks for, to be set up by somebody whose password was right."""
    return await _ask(request, "enrolment", forms.safe_target(request.query_params.get("next")))


async def take_enrolment(request: Request) -> Response:
    """POST /login/enrol: code, next. The session and the recovery codes, or the question again."""
    return await _take(request, "enrolment")


async def _take(request: Request, stage: Literal["second-factor", "enrolment"]) -> Response:
    fields = await forms.fields_of(request, "code", "next")
    if fields is None:
        return await _ask(request, stage, "/", problem=t(TOO_OLD), status=403)
    target, challenge = forms.safe_target(fields["next"]), request.cookies.get(forms.CHALLENGE_COOKIE, "")
    source, replaces = forms.source_of(request), request.cookies.get(COOKIE)

    def check(engine: Engine) -> tuple[str, list[str]]:
        if stage == "enrolment":
            return sessions.pass_enrolment(engine, challenge, fields["code"], source, replaces=replaces)
        return sessions.pass_second_factor(engine, challenge, fields["code"], source, replaces=replaces), []

    try:
        token, codes = await with_people(check)
    except LearnlakeError as error:
        return await _ask(request, stage, target, problem=forms.sentence(error), status=_status(error))
    response: Response = forms.go(target)
    if codes:
        response = forms.show(
            request, "recovery_codes.html", title=t("Your recovery codes"), codes=codes, target=target
        )
    forms.keep_session(request, response, token)
    return response


async def show_reset(request: Request) -> Response:
    """GET /login/reset?token=...: the form for a new password. Looking at it uses nothing up."""
    return await _reset(request, request.query_params.get("token", ""))


async def take_reset(request: Request) -> Response:
    """POST /login/reset: token, password, again. Sets the password, ends all sessions, leads to the log-in."""
    fields = await forms.fields_of(request, "token", "password", "again")
    if fields is None:
        return forms.say(request, t("New password"), t(TOO_OLD), status=403)
    if fields["password"] != fields["again"]:
        return await _reset(request, fields["token"], problem=t("The two are not the same."))
    try:
        await with_people(
            lambda engine: resets.use(
                engine, fields["token"], fields["password"], source=forms.source_of(request)
            )
        )
    except (AccessError, InputError) as error:
        return await _reset(request, fields["token"], problem=forms.sentence(error))
    return forms.say(request, t("Your password is set"), t("Log in with it now."), status=200)


async def choose_language(request: Request) -> Response:
    """GET /login/language?code=de: keep the language in this browser; for readers who are not logged in yet."""
    target = forms.safe_target(request.query_params.get("next"))
    response = forms.go("/login" if target == "/" else f"/login?next={quote(target, safe='')}")
    if (code := request.query_params.get("code", "")) in words.LANGUAGES:
        forms.keep_language(request, response, code)
    return response


async def health(_request: Request) -> Response:
    """GET /health: the process answers."""
    return JSONResponse({"status": "ok"})


ROUTES = [
    Route("/login", show_form, methods=["GET"]),
    Route("/auth/login", log_in, methods=["POST"]),
    Route("/login/code", show_code, methods=["GET"]),
    Route("/login/code", take_code, methods=["POST"]),
    Route("/login/enrol", show_enrolment, methods=["GET"]),
    Route("/login/enrol", take_enrolment, methods=["POST"]),
    Route("/login/reset", show_reset, methods=["GET"]),
    Route("/login/reset", take_reset, methods=["POST"]),
    Route("/login/language", choose_language, methods=["GET"]),
    Route("/health", health, methods=["GET"]),
]


def qr_code(uri: str) -> Markup:
    """`uri` as an SVG that stands in the page: dark on white in either theme, because cameras need it so."""
    return Markup(segno.make(uri, error="m").svg_inline(border=2, omitsize=True, dark="#000", light="#fff"))


def _form(
    request: Request, target: str, *, problem: str | None = None, login: str = "", status: int = 200
) -> Response:
    return forms.show(
        request,
        "login.html",
        title=t("Log in"),
        status=status,
        problem=problem,
        login=login,
        target=target,
        providers=get_settings().oidc_providers,
    )


async def _ask(
    request: Request, stage: sessions.Stage, target: str, *, problem: str | None = None, status: int = 200
) -> Response:
    """The page on which a challenge is met; back to the start when there is none any more."""
    challenge = request.cookies.get(forms.CHALLENGE_COOKIE, "")
    try:
        known = await with_people(lambda engine: sessions.challenged(engine, challenge, stage))
    except AccessError as error:
        return _form(request, target, problem=forms.sentence(error), status=401)
    if stage == "second-factor":
        return forms.show(
            request, "second_factor.html", title=t("Your code"), status=status, problem=problem, target=target
        )
    enrolment = await with_people(lambda engine: second_factor.begin(engine, known))
    return forms.show(
        request,
        "enrol.html",
        title=t("Set up your second factor"),
        status=status,
        problem=problem,
        target=target,
        is_owed=True,
        action="/login/enrol",
        secret=enrolment.secret,
        qr=qr_code(enrolment.uri),
    )


async def _reset(request: Request, token: str, *, problem: str | None = None) -> Response:
    try:
        known = await with_people(lambda engine: resets.account_of(engine, token))
    except AccessError as error:
        return forms.say(request, t("This link does not work"), forms.sentence(error), status=404)
    return forms.show(
        request,
        "reset.html",
        title=t("New password"),
        status=400 if problem else 200,
        problem=problem,
        token=token,
        login=known.login,
        shortest=get_settings().password_min_length,
    )
