"""The log-in over HTTP against a running server: redirect, cookie, refusal, log-out, revocation, forged forms."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from dashboards.forms import safe_target
from dashboards.visit import COOKIE
from people import sessions
from tests.dashboards import school as schools


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        yield client


def form_token(client: httpx.Client) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', client.get("/login").text)
    assert found
    return found[1]


def log_in(
    client: httpx.Client, login: str, password: str = schools.PASSWORD, **fields: str
) -> httpx.Response:
    data = {"login": login, "password": password, "form_token": form_token(client), **fields}
    return client.post("/auth/login", data=data)


@pytest.mark.parametrize("path", ["/", "/teacher", "/teacher-student?person=p_01", "/anything"])
def test_pages_redirect_to_login_without_a_session(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("path", ["/_stcore/host-config", "/media/0123.csv", "/_stcore/metrics"])
def test_inner_addresses_answer_401_without_a_session(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 401


def test_login_page_works_without_scripts_and_from_nowhere_else(client: httpx.Client) -> None:
    answer = client.get("/login")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text and "https://" not in answer.text


def test_right_password_sets_a_cookie_that_scripts_cannot_read(client: httpx.Client) -> None:
    answer = log_in(client, "teacher", next="/teacher-skills")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/teacher-skills"
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    page = client.get("/teacher")
    assert page.status_code == 200 and "<title>" in page.text
    assert "connect-src 'self'" in page.headers["content-security-policy"]


def test_wrong_password_says_no_and_keeps_the_name(client: httpx.Client) -> None:
    answer = log_in(client, "analyst", password="not the password")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text and 'value="analyst"' in answer.text
    assert COOKIE not in client.cookies


def test_login_name_is_escaped(client: httpx.Client) -> None:
    answer = log_in(client, '"><script>alert(1)</script>', password="not the password")
    assert "<script" not in answer.text


def test_form_of_another_site_is_refused(client: httpx.Client) -> None:
    without_token = client.post("/auth/login", data={"login": "teacher", "password": schools.PASSWORD})
    assert without_token.status_code == 403
    data = {"login": "teacher", "password": schools.PASSWORD, "form_token": form_token(client)}
    from_elsewhere = client.post("/auth/login", data=data, headers={"Origin": "http://evil.test"})
    assert from_elsewhere.status_code == 403
    assert COOKIE not in client.cookies


def test_log_out_ends_the_session_itself(client: httpx.Client) -> None:
    log_in(client, "student")
    stolen = client.cookies[COOKIE]
    assert client.get("/auth/logout").headers["location"] == "/login"
    assert COOKIE not in client.cookies
    assert client.get("/student", headers={"Cookie": f"{COOKIE}={stolen}"}).status_code == 303


def test_link_on_another_site_does_not_log_out(client: httpx.Client) -> None:
    log_in(client, "student")
    answer = client.get("/auth/logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200 and "Log out?" in answer.text
    assert client.get("/student").status_code == 200


def test_revocation_ends_the_session_at_the_next_request(
    client: httpx.Client, school: schools.School
) -> None:
    log_in(client, "principal")
    assert client.get("/").status_code == 200
    assert sessions.revoke(school.engine, "principal") >= 1
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/teacher?class=a", "/teacher?class=a"),
        (None, "/"),
        ("https://evil.test/", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("/login?next=/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.test", "/"),
        ("/\\t\\evil.test", "/"),
    ],
)
def test_redirects_stay_on_the_site(target: str | None, lands: str) -> None:
    assert safe_target(target) == lands
