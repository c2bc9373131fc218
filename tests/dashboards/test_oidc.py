"""Log-in with a real OpenID provider in a real browser: who is let in, who is told no, what is forged, logging out at both."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import insert

from dashboards.visit import COOKIE
from learnlake.identity import Identifier, identifier_key, identity_secret
from people import accounts, external
from people.db import writing
from people.tables import identifier, person
from tests.dashboards import browser as chromium
from tests.dashboards import school as schools
from tests.oidc_provider import Provider, provider

pytestmark = pytest.mark.browser
HOME_PAGE = "https://sis.test"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with chromium.browser() as running:
        yield running


@pytest.fixture(scope="module")
def doors(
    school: schools.School, serve: Callable[..., str], idp: Provider, free_port: Callable[[], int]
) -> str:
    """A server with four providers: by e-mail, by sourcedId with new accounts, one that is down, one that lies."""
    common = {"issuer": idp.issuer, "client_id": "learnlake", "client_secret": "s", "tenant": schools.TENANT}
    given = [
        {**common, "name": "school", "title": "School account", "link_by": "email"},
        {
            **common,
            "name": "district",
            "link_by": "sourced_id",
            "link_claim": "sis_id",
            "home_page": HOME_PAGE,
            "create_accounts": True,
        },
        {**common, "name": "down", "issuer": f"http://localhost:{free_port()}"},
        {**common, "name": "liar", "issuer": f"{idp.issuer}/"},
    ]
    return serve(school, LEARNLAKE_OIDC_PROVIDERS=json.dumps(given), AUTHLIB_INSECURE_TRANSPORT="1")


@pytest.fixture
def teacher(school: schools.School) -> tuple[accounts.Account, str]:
    """A teacher with an account, and the e-mail address that the roster has."""
    login = f"oidc-{next(_numbers)}"
    made = accounts.create(
        school.engine, tenant=schools.TENANT, login=login, password=None, role_names=["teacher"]
    )
    email = f"{login}@school.test"
    assert made.person_key
    known = Identifier("mbox", f"mailto:{email}")
    row = {
        "tenant": schools.TENANT,
        "identifier_key": identifier_key(identity_secret(school.settings.home), schools.TENANT, known),
        "kind": "mbox",
        "value": known.value,
        "person_key": made.person_key,
        "source": HOME_PAGE,
    }
    with writing(school.engine) as connection:
        connection.execute(insert(identifier).values(**row))
    return made, email


def test_verified_email_opens_the_account_and_log_out_ends_both(
    running: Browser, doors: str, idp: Provider, teacher: tuple[accounts.Account, str]
) -> None:
    known, email = teacher
    idp.add_user("tess", email=email, email_verified=True)
    context = chromium.new_context(running)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{doors}/login?next=%2Fteacher-skills")
    page.get_by_role("link", name="Log in with School account").click()
    _answer(page, "tess")
    expect(page.get_by_role("heading", name="Skills", exact=True)).to_be_visible(timeout=30_000)
    expect(page.get_by_text(known.login)).to_be_visible()
    sent = parse_qs(urlsplit(next(url for url in asked if "/oauth2/authorize" in url)).query)
    assert sent["code_challenge_method"] == ["S256"] and sent["state"] and sent["nonce"]
    cookie = next(one for one in context.cookies() if one["name"] == COOKIE)
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert len(cookie["value"]) == 43  # our own token, nothing of the provider's
    page.get_by_role("link", name="Log out").click()
    page.wait_for_url(f"{idp.issuer}/**")
    page.goto(f"{doors}/teacher")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    context.close()


def test_a_subject_stays_linked_when_the_address_changes(
    doors: str, idp: Provider, teacher: tuple[accounts.Account, str]
) -> None:
    known, email = teacher
    idp.add_user("uma", email=email, email_verified=True)
    assert _logged_in_as(_log_in(doors, idp, "school", "uma"), doors) == known.login
    idp.add_user("uma", email="married@elsewhere.test", email_verified=True)
    assert _logged_in_as(_log_in(doors, idp, "school", "uma"), doors) == known.login
    idp.add_user("somebody-else", email=email, email_verified=True)
    answer = _log_in(doors, idp, "school", "somebody-else")
    assert answer.status_code == 403 and "another person" in answer.text


@pytest.mark.parametrize("claims", [{"email_verified": False}, {}, {"email_verified": "true"}])
def test_an_address_that_is_not_verified_opens_nothing(
    doors: str, idp: Provider, teacher: tuple[accounts.Account, str], claims: dict
) -> None:
    idp.add_user("mallory", email=teacher[1], **claims)
    answer = _log_in(doors, idp, "school", "mallory")
    assert answer.status_code == 403 and "No account here" in answer.text
    assert COOKIE not in answer.cookies


def test_an_unknown_person_is_told_so_and_gets_no_account(
    running: Browser, doors: str, idp: Provider, school: schools.School
) -> None:
    before = len(accounts.list_accounts(school.engine))
    idp.add_user("nobody", email="nobody@school.test", email_verified=True)
    context = chromium.new_context(running, size="phone", theme="dark")
    page = context.new_page()
    page.goto(f"{doors}/auth/oidc/school")
    _answer(page, "nobody")
    expect(page.get_by_role("heading", name="No account here")).to_be_visible()
    expect(page.get_by_text("Nobody here is known by that log-in")).to_be_visible()
    assert len(accounts.list_accounts(school.engine)) == before
    context.close()


def test_a_person_of_the_roster_gets_an_account_where_told_to(
    doors: str, idp: Provider, school: schools.School
) -> None:
    key = accounts.new_person_key()
    row = {
        "tenant": schools.TENANT,
        "person_key": key,
        "source": HOME_PAGE,
        "sourced_id": "u-77",
        "kind": "rostered",
        "role": "teacher",
    }
    made = accounts.create(
        school.engine, tenant=schools.TENANT, login="role-giver", password=None, role_names=["teacher"]
    )
    with writing(school.engine) as connection:
        connection.execute(insert(person).values(**row, is_generated=False, is_active=True))
    idp.add_user("vic", sis_id="u-77")
    refused = _log_in(doors, idp, "district", "vic")  # a person without a role gets none by logging in
    assert refused.status_code == 403
    assert made.person_key
    proof = external.Proof(schools.TENANT, idp.issuer, "vic", "oidc:district", sourced_id="u-78")
    with pytest.raises(Exception, match="known"):
        external.account_for(school.engine, proof, may_create=True, source="test")
    _grant(school, key)
    assert _logged_in_as(_log_in(doors, idp, "district", "vic"), doors) == "oidc:district:vic"


def test_disabling_the_account_ends_the_session_and_refuses_the_next(
    doors: str, idp: Provider, school: schools.School, teacher: tuple[accounts.Account, str]
) -> None:
    known, email = teacher
    idp.add_user("wim", email=email, email_verified=True)
    session = _log_in(doors, idp, "school", "wim")
    assert _logged_in_as(session, doors) == known.login
    accounts.disable(school.engine, known.login)
    with httpx.Client(base_url=doors, cookies=session.cookies) as client:
        assert client.get("/teacher").status_code == 303
    assert _log_in(doors, idp, "school", "wim").status_code == 403


def test_a_provider_that_is_down_or_is_another_leaves_local_log_in(running: Browser, doors: str) -> None:
    context = chromium.new_context(running)
    page = context.new_page()
    for name in ("down", "liar"):
        page.goto(f"{doors}/auth/oidc/{name}")
        expect(page.get_by_role("heading", name=f"{name} does not answer")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Back to the log-in").click()
    page.get_by_label("User name").fill("teacher")
    page.get_by_label("Password").fill(schools.PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", name="Who needs you", exact=True)).to_be_visible(timeout=30_000)
    context.close()


def test_answers_that_this_browser_did_not_ask_for_are_refused(
    doors: str, idp: Provider, teacher: tuple[accounts.Account, str]
) -> None:
    idp.add_user("xan", email=teacher[1], email_verified=True)
    with httpx.Client(base_url=doors) as victim:
        forged = victim.get("/auth/oidc/school/callback", params={"code": "c", "state": "s"})
        assert forged.status_code == 403
        victim.get("/auth/oidc/school")
        answer = victim.get(_callback(doors, idp, "school", "xan"))  # another browser's code and state
        assert answer.status_code == 403 and COOKIE not in victim.cookies
        assert victim.get("/auth/oidc/school/callback", params={"error": "access_denied"}).status_code == 403
    with httpx.Client(base_url=doors) as once:
        place = _callback(doors, idp, "school", "xan", once)
        wrong = once.get(place, params={**_query(place), "iss": "https://evil.test"})
        assert wrong.status_code == 403
    with httpx.Client(base_url=doors) as twice:
        place = _callback(doors, idp, "school", "xan", twice)
        assert twice.get(place).status_code == 303
        assert twice.get(place).status_code == 403
        assert twice.get("/auth/oidc/nobody").status_code == 404


@pytest.mark.parametrize(
    "claims", [{"alg": "none"}, {"iss": "https://evil.test"}, {"aud": "other"}, {"nonce": "n"}]
)
def test_forged_id_tokens_are_refused(
    doors: str,
    idp: Provider,
    teacher: tuple[accounts.Account, str],
    claims: dict,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from joserfc import jwt
    from oidc_provider_mock import _app as server

    idp.add_user("yul", email=teacher[1], email_verified=True)
    encode = server.OpenIDCode.encode_id_token

    def forge(self, *given, **named):
        token = encode(self, *given, **named)
        held = jwt.decode(token, idp.key)
        changed = {**held.claims, **{name: value for name, value in claims.items() if name != "alg"}}
        if claims.get("alg") == "none":
            _head, body, _ = token.split(".")
            return f"eyJhbGciOiJub25lIn0.{body}."
        return jwt.encode(held.header, changed, idp.key)

    monkeypatch.setattr(server.OpenIDCode, "encode_id_token", forge)
    answer = _log_in(doors, idp, "school", "yul")
    assert answer.status_code == 403 and COOKIE not in answer.cookies


def _answer(page: Page, subject: str) -> None:
    """Log in at the provider."""
    page.get_by_placeholder("sub").fill(subject)
    page.get_by_role("button", name="Authorize").click()


def _callback(doors: str, idp: Provider, name: str, subject: str, client: httpx.Client | None = None) -> str:
    """Where the provider sends a browser back to, after `subject` has logged in."""
    with httpx.Client(base_url=doors) as fresh:
        place = (client or fresh).get(f"/auth/oidc/{name}").headers["location"]
    answer = httpx.post(place, data={"sub": subject}, trust_env=False)
    return str(answer.headers["location"])


def _query(place: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}


def _log_in(doors: str, idp: Provider, name: str, subject: str) -> httpx.Response:
    """The answer to the whole way through the provider, without a browser."""
    with httpx.Client(base_url=doors) as client:
        return client.get(_callback(doors, idp, name, subject, client))


def _logged_in_as(answer: httpx.Response, doors: str) -> str | None:
    assert answer.status_code == 303, answer.text
    page = httpx.get(f"{doors}/account", cookies={COOKIE: answer.cookies[COOKIE]}).text
    return page.partition("Logged in as <b>")[2].partition("</b>")[0] or None


def _grant(school: schools.School, person_key: str) -> None:
    from people import roles

    with writing(school.engine) as connection:
        roles.grant_role(connection, tenant=schools.TENANT, role="teacher", person_key=person_key)
