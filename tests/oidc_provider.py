"""A real OpenID provider for tests: discovery, keys, authorisation code flow and JWT access tokens over HTTP, on a free port."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import flask
import httpx
import oidc_provider_mock
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

KEY_BITS = 2048


class Provider:
    """A running provider. It takes any client id and secret; `key` is the private key that it signs with now."""

    def __init__(self) -> None:
        self.audience = "learnlake"
        self.requests: Counter[str] = Counter()
        """How often each path was asked for."""
        self._storage: Any = None
        templates = Path(oidc_provider_mock.__file__).with_name("templates")
        self._app = flask.Flask("provider", template_folder=str(templates))
        self._app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = self._access_token
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            oidc_provider_mock.init_app(self._app)
        self._app.before_request(self._note)
        self._server = make_server("localhost", 0, self._app, threaded=True)
        self.issuer = f"http://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        self._thread.start()
        httpx.get(f"{self.issuer}/jwks", trust_env=False).raise_for_status()
        self.requests.clear()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    @property
    def key(self) -> RSAKey:
        return RSAKey.import_key(self._storage.jwk.as_dict(is_private=True))

    def rotate(self) -> None:
        """From now on sign with a new key, and publish that one only."""
        self._storage.jwk = type(self._storage.jwk).generate_key(KEY_BITS, is_private=True)

    def add_user(self, subject: str, **claims: Any) -> None:
        """Somebody who can log in; `claims` are in the ID token, in userinfo and in the access token."""
        httpx.put(
            f"{self.issuer}/users/{quote(subject, safe='')}", json=claims, trust_env=False
        ).raise_for_status()

    def log_in(self, subject: str, *, client_id: str = "client", scope: str = "openid") -> dict[str, Any]:
        """What the token endpoint gives after `subject` has logged in with a browser and said yes."""
        redirect = "http://localhost/callback"
        asked = {
            "client_id": client_id,
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": scope,
            "state": "s",
        }
        with httpx.Client(base_url=self.issuer, trust_env=False) as browser:
            answer = browser.post("/oauth2/authorize", params=asked, data={"sub": subject})
            (code,) = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
            answer = browser.post("/oauth2/token", data=form, auth=(client_id, "any secret"))
            answer.raise_for_status()
            return dict(answer.json())

    def mint(
        self,
        *,
        key: Any = None,
        algorithm: str = "RS256",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """An access token with any claims at all (None leaves one out), signed with the present key or another."""
        key = key or self.key
        now = int(time.time())
        whole = {"iss": self.issuer, "aud": self.audience, "sub": "someone", "iat": now, "exp": now + 600}
        wanted = {name: value for name, value in {**whole, **claims}.items() if value is not None}
        head = {"alg": algorithm, "kid": key.thumbprint(), "typ": "at+jwt", **(header or {})}
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None}, wanted, key, [algorithm]
        )

    def _access_token(self, client: Any, grant_type: str, user: Any, scope: str) -> str:
        """As RFC 9068 has it."""
        claims = {**user.claims, "client_id": client.get_client_id(), "sub": user.sub}
        return self.mint(**{"scope": scope, **claims})

    def _note(self) -> None:
        self._storage = flask.g.oidc_provider_mock_storage
        self.requests[flask.request.path] += 1


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """A provider of one's own, gone afterwards."""
    os.environ.setdefault("AUTHLIB_INSECURE_TRANSPORT", "1")  # it runs on this machine, without TLS
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = Provider()
    running.start()
    try:
        yield running
    finally:
        running.stop()
