"""Bearer tokens against a real provider: what is let through, and everything that isn't."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from learnlake.bearer import Identity, Refused, Unreachable, Verifier
from learnlake.errors import SettingsError
from learnlake.settings import Settings
from tests.oidc_provider import Provider, provider
from tests.scale import scaled


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    with provider() as running:
        yield running


def settings_of(issuer: str | None, **changes: Any) -> Settings:
    return Settings(bearer_issuer=issuer, **changes)  # type: ignore[call-arg]


def verified(issuer: Provider, token: str, **changes: Any) -> Identity:
    return asyncio.run(Verifier(settings_of(issuer.issuer, **changes)).verify(token))


def test_a_token_of_a_log_in_says_who_and_what(issuer: Provider) -> None:
    issuer.add_user("ada", scope="statements/write profile all email")
    token = issuer.log_in("ada", client_id="lms")["access_token"]
    found = verified(issuer, token)
    assert (found.issuer, found.subject, found.client, found.name) == (issuer.issuer, "ada", "lms", "ada")
    assert (found.tenant, found.scopes) == ("default", ("profile", "statements/write"))


def test_claims_go_where_the_settings_say(issuer: Provider) -> None:
    token = issuer.mint(scp=["state", 5], school="north", azp="app", sub="s")
    found = verified(
        issuer, token, bearer_scope_claim="scp", bearer_tenant_claim="school", bearer_authority_claim="azp"
    )
    assert (found.scopes, found.tenant, found.name) == (("state",), "north", "app")
    assert verified(issuer, issuer.mint(sub=None, client_id="robot")).name == "robot"
    assert verified(issuer, issuer.mint()).scopes == ()
    assert verified(issuer, issuer.mint(), bearer_scopes_default="state all").scopes == ("state",)


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _claims(token: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")))


def wrong_tokens() -> dict[str, Callable[[Provider], str]]:
    """Tokens of which each breaks one rule."""
    now = int(time.time())
    other, curve = RSAKey.generate_key(2048), ECKey.generate_key("P-256")

    def public_as_secret(issuer: Provider) -> str:
        """By hand: no library lets a public key be used as a shared secret any more."""
        parts = [{"alg": "HS256", "kid": issuer.key.thumbprint()}, _claims(issuer.mint())]
        signed = ".".join(_segment(json.dumps(part).encode()) for part in parts)
        return (
            f"{signed}.{_segment(hmac.digest(issuer.key.as_pem(private=False), signed.encode(), 'sha256'))}"
        )

    def unsigned(issuer: Provider) -> str:
        return f"{_segment(json.dumps({'alg': 'none'}).encode())}.{issuer.mint().split('.')[1]}."

    def changed(issuer: Provider) -> str:
        head, _, signature = issuer.mint().split(".")
        return f"{head}.{issuer.mint(sub='another').split('.')[1]}.{signature}"

    return {
        "expired": lambda p: p.mint(exp=now - 61),
        "no exp": lambda p: p.mint(exp=None),
        "exp true": lambda p: p.mint(exp=True),
        "not yet": lambda p: p.mint(nbf=now + 120),
        "issued tomorrow": lambda p: p.mint(iat=now + 86_400),
        "other issuer": lambda p: p.mint(iss="https://elsewhere.example"),
        "no issuer": lambda p: p.mint(iss=None),
        "other audience": lambda p: p.mint(aud="something-else"),
        "no audience": lambda p: p.mint(aud=None),
        "ID token": lambda p: p.log_in("ada")["id_token"],
        "log-out token": lambda p: p.mint(header={"typ": "logout+jwt"}),
        "nobody": lambda p: p.mint(sub=None),
        "endless name": lambda p: p.mint(sub="x" * 256),
        "other key": lambda p: p.mint(key=other),
        "other key, right id": lambda p: p.mint(key=other, header={"kid": p.key.thumbprint()}),
        "other kind of key": lambda p: p.mint(
            key=curve, algorithm="ES256", header={"kid": p.key.thumbprint()}
        ),
        "algorithm not allowed": lambda p: p.mint(algorithm="RS384"),
        "critical header": lambda p: p.mint(header={"crit": ["b64"], "b64": True}),
        "public key as secret": public_as_secret,
        "unsigned": unsigned,
        "changed": changed,
        "cut": lambda p: p.mint()[:-5],
        "long": lambda p: p.mint(padding="x" * 20_000),
        "empty": lambda p: "",
    }


@pytest.mark.parametrize("name", list(wrong_tokens()))
def test_a_wrong_token_is_refused(issuer: Provider, name: str) -> None:
    with pytest.raises(Refused):
        verified(issuer, wrong_tokens()[name](issuer))


def test_clocks_may_differ_a_little(issuer: Provider) -> None:
    now = int(time.time())
    assert verified(issuer, issuer.mint(exp=now - 30, nbf=now + 30)).subject == "someone"
    with pytest.raises(Refused, match="expired"):
        verified(issuer, issuer.mint(exp=now - 30), bearer_leeway_seconds=0)


@pytest.mark.parametrize("tenant", [None, "", "North", "a/b", 5])
def test_a_tenant_that_is_none_is_refused(issuer: Provider, tenant: object) -> None:
    with pytest.raises(Refused, match="tenant"):
        verified(issuer, issuer.mint(tenant=tenant), bearer_tenant_claim="tenant")


def test_keys_are_asked_for_once_and_rotation_is_honoured() -> None:
    async def walk(issuer: Provider) -> None:
        verifier = Verifier(settings_of(issuer.issuer, bearer_refetch_seconds=0.0))
        old = issuer.mint()
        await asyncio.gather(*(verifier.verify(old) for _ in range(20)))
        assert issuer.requests["/jwks"] == 1
        issuer.rotate()
        await verifier.verify(issuer.mint())
        assert issuer.requests["/jwks"] == 2
        with pytest.raises(Refused, match="key"):
            await verifier.verify(old)

    with provider() as issuer:
        asyncio.run(walk(issuer))


def test_unknown_keys_do_not_make_us_ask_all_the_time(issuer: Provider) -> None:
    stranger = RSAKey.generate_key(2048)
    issuer.requests.clear()

    async def flood() -> None:
        verifier = Verifier(settings_of(issuer.issuer))
        for number in range(20):
            with pytest.raises(Refused):
                await verifier.verify(issuer.mint(key=stranger, header={"kid": str(number)}))
        await verifier.verify(issuer.mint())

    asyncio.run(flood())
    assert issuer.requests["/jwks"] == 1


def test_known_keys_serve_on_while_the_issuer_is_away() -> None:
    async def walk(issuer: Provider) -> None:
        settings = settings_of(issuer.issuer, bearer_keys_seconds=0.0, bearer_refetch_seconds=0.0)
        verifier = Verifier(settings)
        token = issuer.mint()
        await verifier.verify(token)
        await asyncio.to_thread(issuer.stop)
        await verifier.verify(token)
        with pytest.raises(Unreachable):
            await Verifier(settings).verify(token)

    with provider() as issuer:
        asyncio.run(walk(issuer))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bearer_algorithms", "HS256"),
        ("bearer_algorithms", "RS256 none"),
        ("bearer_algorithms", " "),
        ("bearer_issuer", "http://login.example"),
    ],
)
def test_settings_that_would_open_a_hole_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        Verifier(
            settings_of(
                **{"issuer": "https://login.example", **{name.replace("bearer_issuer", "issuer"): value}}
            )
        )


_part = st.one_of(
    st.text(max_size=40),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "exp", "b64"]), inner, max_size=4),
        ),
        max_leaves=8,
    ).map(lambda value: _segment(json.dumps(value).encode())),
)


@hypothesis_settings(max_examples=scaled(100, 20_000), deadline=None)
@given(st.one_of(st.text(), st.lists(_part, min_size=1, max_size=5).map(".".join)))
def test_garbage_is_refused_and_nothing_else(issuer: Provider, text: str) -> None:
    with pytest.raises(Refused):
        _cached(issuer, text)


def _cached(issuer: Provider, text: str) -> Identity:
    """One verifier and loop for all examples, as in a server."""
    if issuer.issuer not in _loops:
        loop = asyncio.new_event_loop()
        _loops[issuer.issuer] = (loop, Verifier(settings_of(issuer.issuer)))
    loop, verifier = _loops[issuer.issuer]
    return loop.run_until_complete(verifier.verify(text))


_loops: dict[str, tuple[asyncio.AbstractEventLoop, Verifier]] = {}
