"""The own account, as plain HTML beside the log-in: password, second factor, open sessions. What is right is decided in `people`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards import forms, words
from dashboards.login import TOO_OLD, qr_code, with_people
from dashboards.visit import COOKIE
from learnlake.errors import AccessError, InputError, StoreError
from learnlake.settings import get_settings
from people import accounts, second_factor, sessions

PATH = "/account"
t, tn = words.room(__name__)


async def show(request: Request) -> Response:
    """GET /account: everything at a glance."""
    return await _page(request)


async def change_password(request: Request) -> Response:
    """POST /account/password: current, password, again. Every session ends, and this browser gets a new one."""
    fields = await forms.fields_of(request, "current", "password", "again")
    if fields is None:
        return await _page(request, problem=t(TOO_OLD), status=403)
    if fields["password"] != fields["again"]:
        return await _page(request, problem=t("The two new passwords are not the same."), status=400)
    try:
        token = await with_people(
            lambda engine: sessions.change_password(
                engine, _token(request), fields["current"], fields["password"], forms.source_of(request)
            )
        )
    except (AccessError, InputError) as error:
        return await _page(request, problem=forms.sentence(error), status=400)
    response = await _page(
        request, token=token, done=t("Your password is changed; your other sessions have ended.")
    )
    forms.keep_session(request, response, token)
    return response


async def begin_second_factor(request: Request) -> Response:
    """POST /account/second-factor: current. Shows the QR code of a new secret; what is set up stays until a code confirms it."""
    known = await _proved(request)
    if isinstance(known, Response):
        return known
    enrolment = await with_people(lambda engine: second_factor.begin(engine, known, is_fresh=True))
    return _enrol(request, secret=enrolment.secret, qr=qr_code(enrolment.uri))


async def confirm_second_factor(request: Request) -> Response:
    """POST /account/second-factor/confirm: code. Shows the recovery codes, or asks for the code again."""
    fields = await forms.fields_of(request, "code")
    if fields is None:
        return await _page(request, problem=t(TOO_OLD), status=403)
    source = forms.source_of(request)
    try:
        known = await with_people(lambda engine: sessions.owner(engine, _token(request)))
        codes = await with_people(
            lambda engine: second_factor.confirm(engine, known, fields["code"], source=source)
        )
    except (AccessError, StoreError) as error:
        return _enrol(request, problem=forms.sentence(error), status=400)
    await with_people(lambda engine: sessions.end_others(engine, _token(request), source=source))
    return _codes(request, codes)


async def new_recovery_codes(request: Request) -> Response:
    """POST /account/recovery-codes: current. Shows ten new ones; the old ones count no more."""
    known = await _proved(request)
    if isinstance(known, Response):
        return known
    source = forms.source_of(request)
    codes = await with_people(lambda engine: second_factor.new_recovery_codes(engine, known, source=source))
    return _codes(request, codes)


async def remove_second_factor(request: Request) -> Response:
    """POST /account/second-factor/remove: current. Not for roles that have to have one."""
    known = await _proved(request)
    if isinstance(known, Response):
        return known
    if await with_people(lambda engine: sessions.owes_second_factor(engine, known)):
        return await _page(request, problem=t("Your role asks for a second factor."), status=403)
    source = forms.source_of(request)
    await with_people(lambda engine: second_factor.remove(engine, known, source=source))
    return await _page(request, done=t("The second factor is removed."))


async def end_sessions(request: Request) -> Response:
    """POST /account/sessions: session_id, or all others without one."""
    fields = await forms.fields_of(request, "session_id")
    if fields is None:
        return await _page(request, problem=t(TOO_OLD), status=403)
    ended = await with_people(
        lambda engine: sessions.end_others(
            engine,
            _token(request),
            session_id=fields["session_id"] or None,
            source=forms.source_of(request),
        )
    )
    done = tn("That session has ended.", "{count} sessions have ended.", ended)
    return await _page(request, done=done)


ROUTES = [
    Route(PATH, show, methods=["GET"]),
    Route(f"{PATH}/password", change_password, methods=["POST"]),
    Route(f"{PATH}/second-factor", begin_second_factor, methods=["POST"]),
    Route(f"{PATH}/second-factor/confirm", confirm_second_factor, methods=["POST"]),
    Route(f"{PATH}/second-factor/remove", remove_second_factor, methods=["POST"]),
    Route(f"{PATH}/recovery-codes", new_recovery_codes, methods=["POST"]),
    Route(f"{PATH}/sessions", end_sessions, methods=["POST"]),
]


async def _page(
    request: Request,
    *,
    token: str | None = None,
    problem: str | None = None,
    done: str | None = None,
    status: int = 200,
) -> Response:
    token = token or _token(request)
    try:
        known = await with_people(lambda engine: sessions.owner(engine, token))
    except AccessError:
        return forms.go("/login")
    factor = await with_people(lambda engine: second_factor.is_enrolled(engine, known.account_id))
    return forms.show(
        request,
        "account.html",
        title=t("Your account"),
        status=status,
        problem=problem,
        done=done,
        wide=True,
        login=known.login,
        shortest=get_settings().password_min_length,
        has_password=await with_people(lambda engine: accounts.has_password(engine, known.account_id)),
        is_enrolled=factor,
        is_required=await with_people(lambda engine: sessions.owes_second_factor(engine, known)),
        codes_left=await with_people(
            lambda engine: second_factor.recovery_codes_left(engine, known.account_id)
        ),
        sessions=await with_people(lambda engine: sessions.open_sessions(engine, token)),
    )


async def _proved(request: Request) -> accounts.Account | Response:
    """The account, its password given once more; or the page that says why not."""
    fields = await forms.fields_of(request, "current")
    if fields is None:
        return await _page(request, problem=t(TOO_OLD), status=403)
    try:
        return await with_people(
            lambda engine: sessions.prove_again(
                engine, _token(request), fields["current"], forms.source_of(request)
            )
        )
    except AccessError as error:
        return await _page(request, problem=forms.sentence(error), status=400)


def _enrol(request: Request, **values: object) -> Response:
    return forms.show(
        request,
        "enrol.html",
        title=t("Set up your second factor"),
        action=f"{PATH}/second-factor/confirm",
        target=PATH,
        status=int(str(values.pop("status", 200))),
        **values,
    )


def _codes(request: Request, codes: list[str]) -> Response:
    return forms.show(
        request, "recovery_codes.html", title=t("Your recovery codes"), codes=codes, target=PATH
    )


def _token(request: Request) -> str:
    return request.cookies.get(COOKIE, "")
