"""Logging in with an OpenID provider, and logging out here and there: authorisation code with PKCE, state and nonce. Whose account it is, `people.external` says.

Nothing of the provider's tokens is kept: the session afterwards is ours.
"""

from __future__ import annotations

import functools
import logging
import warnings
from typing import Any

import httpx
from joserfc.errors import JoseError
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards import forms, words
from dashboards.login import admitted, with_people
from dashboards.visit import COOKIE
from learnlake.errors import AccessError
from learnlake.settings import OidcProvider, get_settings
from people import external, sessions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of httpx's successor, which nothing else here uses yet
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.starlette_client import OAuth

_log = logging.getLogger(__name__)
t, _tn = words.room(__name__)
TIMEOUT_SECONDS = 10
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures that an ID token may have: with the provider's own key, never with the client's secret, never none."""
DOWN = (httpx.HTTPError, RuntimeError, KeyError, ValueError)
"""What comes of a provider that is down, or answers something else than OpenID."""


async def begin(request: Request) -> Response:
    """GET /auth/oidc/NAME: on to the provider; what comes back is tied to this browser by state, nonce and PKCE."""
    provider = _provider(request)
    if provider is None:
        return _unknown_provider(request)
    request.session["next"] = forms.safe_target(request.query_params.get("next"))
    try:
        client = await _client(provider)
        answer: Response = await client.authorize_redirect(request, _callback_url(request, provider))
    except DOWN as error:
        return _down(request, provider, error)
    return answer


async def finish(request: Request) -> Response:
    """GET /auth/oidc/NAME/callback: the provider's answer becomes a session, or a page that says why not."""
    provider = _provider(request)
    if provider is None:
        return _unknown_provider(request)
    target = forms.safe_target(request.session.pop("next", None))
    source = forms.source_of(request)
    try:
        claims = await _claims(request, provider)
    except (AuthlibBaseError, JoseError) as error:
        _log.warning("log-in with %s was refused: %s", provider.name, getattr(error, "error", "id token"))
        return forms.say(
            request,
            t("That did not work"),
            t("The log-in was broken off, or was begun in another window."),
            status=403,
        )
    except DOWN as error:
        return _down(request, provider, error)
    proof = _proof(provider, claims)
    try:
        known = await with_people(
            lambda engine: external.account_for(
                engine, proof, may_create=provider.create_accounts, source=source
            )
        )
        admission = await with_people(
            lambda engine: sessions.admit(
                engine,
                known,
                source,
                method=proof.method,
                has_second_factor=provider.has_second_factor,
                replaces=request.cookies.get(COOKIE),
            )
        )
    except AccessError as error:
        title = provider.title or provider.name
        return forms.say(
            request,
            t("No account here"),
            t("You have logged in with {provider}.", provider=title),
            forms.sentence(error),
            status=403,
        )
    return admitted(request, admission, target)


async def log_out(request: Request) -> Response:
    """GET or POST /auth/logout: end the session, here and at the provider. A link on another site gets a question instead."""
    if not forms.is_same_site(request):
        return forms.show(request, "logout.html", title=t("Log out?"))
    token, method = request.cookies.get(COOKIE), None
    if token:
        source = forms.source_of(request)
        method = await with_people(lambda engine: sessions.log_out(engine, token, source=source))
    url = await _log_out_url(request, method)
    response = RedirectResponse(url or "/login", status_code=303, headers={"Cache-Control": "no-store"})
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


async def _log_out_url(request: Request, method: str | None) -> str | None:
    """Where the browser ends its session at the provider too, if that is how the session began and the provider can."""
    name = method.removeprefix("oidc:") if method and method.startswith("oidc:") else None
    provider = next((one for one in get_settings().oidc_providers if one.name == name), None)
    if provider is None or not provider.logs_out:
        return None
    try:
        client = await _client(provider)
        found = await client.create_logout_url(
            post_logout_redirect_uri=f"{forms.base_url(request)}/login", client_id=provider.client_id
        )
    except DOWN as error:
        _log.warning("no log-out at %s: %s", provider.name, type(error).__name__)
        return None
    return str(found["url"])


class _WithState:
    """ASGI: gives the routes below a signed cookie that outlives the way to the provider and back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        signed = SessionMiddleware(
            self._app,
            secret_key=get_settings().home.secret("oidc-state").hex(),
            session_cookie="learnlake_oidc",
            max_age=600,
            path="/auth/oidc",
            same_site="lax",
            https_only=forms.is_https(Request(scope)),
        )
        await signed(dict(scope), receive, send)  # a copy: Streamlit keeps a session of its own in the scope


ROUTES = [
    Route("/auth/logout", log_out, methods=["GET", "POST"]),
    Mount("/auth/oidc", _WithState(Router([Route("/{name}", begin), Route("/{name}/callback", finish)]))),
]


def _provider(request: Request) -> OidcProvider | None:
    name = request.path_params["name"]
    return next((one for one in get_settings().oidc_providers if one.name == name), None)


@functools.cache
def _registered(provider: OidcProvider) -> Any:
    return OAuth().register(
        provider.name,
        client_id=provider.client_id,
        client_secret=provider.secret,
        server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": provider.scope,
            "code_challenge_method": "S256",
            "timeout": TIMEOUT_SECONDS,
        },
    )


async def _client(provider: OidcProvider) -> Any:
    """The client of `provider`, which is the issuer that the settings name. ValueError when it says it is another."""
    client = _registered(provider)
    metadata = await client.load_server_metadata()
    if metadata.get("issuer") != provider.issuer:
        client.server_metadata.clear()
        raise ValueError("the discovery document names another issuer")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in ALGORITHMS]
    return client


async def _claims(request: Request, provider: OidcProvider) -> dict[str, Any]:
    """The checked claims of the ID token, with those of userinfo where a claim for linking is missing."""
    client = await _client(provider)
    if request.query_params.get("iss", provider.issuer) != provider.issuer:  # RFC 9207: mix-up
        raise OAuthError("invalid_issuer")
    token = await client.authorize_access_token(request)
    claims = dict(token.get("userinfo") or {})
    if not claims.get("sub"):
        raise OAuthError("no_id_token")
    wanted = {"email": "email", "sourced_id": provider.link_claim}.get(provider.link_by or "")
    if wanted and wanted not in claims and client.server_metadata.get("userinfo_endpoint"):
        more = await client.userinfo(token=token)
        if more.get("sub") == claims["sub"]:
            claims = {**more, **claims}
    return claims


def _proof(provider: OidcProvider, claims: dict[str, Any]) -> external.Proof:
    email = claims.get("email") if claims.get("email_verified") is True else None
    value = claims.get(provider.link_claim)
    return external.Proof(
        tenant=provider.tenant,
        issuer=provider.issuer,
        subject=str(claims["sub"]),
        method=f"oidc:{provider.name}",
        email=str(email) if email and provider.link_by == "email" else None,
        sourced_id=str(value) if value and provider.link_by == "sourced_id" else None,
        home_page=provider.home_page,
    )


def _callback_url(request: Request, provider: OidcProvider) -> str:
    return f"{forms.base_url(request)}/auth/oidc/{provider.name}/callback"


def _unknown_provider(request: Request) -> Response:
    return forms.say(request, t("There is no such log-in"), t("Choose one on the log-in page."), status=404)


def _down(request: Request, provider: OidcProvider, error: Exception) -> Response:
    _log.warning("the provider %s cannot be used: %s", provider.name, type(error).__name__)
    title = provider.title or provider.name
    return forms.say(
        request,
        t("{provider} does not answer", provider=title),
        t("Try again in a minute. If you have a user name and password here, log in with those."),
        status=502,
    )
