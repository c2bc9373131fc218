"""The own account in a real browser without JavaScript: second factor, recovery codes, reset link, password, sessions."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import update

from dashboards.visit import COOKIE
from people import accounts, resets, second_factor, sessions
from people.db import writing
from people.tables import second_factor as table
from tests.dashboards import browser as chromium
from tests.dashboards import school as schools

pytestmark = pytest.mark.browser
_numbers = itertools.count()


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with chromium.browser() as running:
        yield running


@pytest.fixture
def context(running: Browser) -> Iterator[BrowserContext]:
    """A visitor whose browser runs no script."""
    context = running.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    yield context
    context.close()


@pytest.fixture
def account(school: schools.School) -> accounts.Account:
    """An account that no other test uses."""
    login = f"analyst-{next(_numbers)}"
    return accounts.create(
        school.engine, tenant=schools.TENANT, login=login, password=schools.PASSWORD, role_names=["analyst"]
    )


@pytest.fixture
def new_code(school: schools.School, account: accounts.Account) -> Callable[[pyotp.TOTP], str]:
    """The app's present code, with the memory of the last one wiped: a test doesn't wait for half a minute."""

    def answer(app: pyotp.TOTP) -> str:
        with writing(school.engine) as connection:
            this = table.c.account_id == account.account_id
            connection.execute(update(table).where(this).values(last_step=0))
        return app.now()

    return answer


def test_second_factor_from_setting_up_to_removal(
    context: BrowserContext,
    address: str,
    account: accounts.Account,
    new_code: Callable[[pyotp.TOTP], str],
) -> None:
    page = context.new_page()
    _give_password(page, f"{address}/login?next=/account", account.login)
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.get_by_label("Your password", exact=True).fill(schools.PASSWORD)
    page.get_by_role("button", name="Set up a second factor").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    app = pyotp.TOTP(page.locator("code.secret").inner_text())
    page.get_by_label("six digits").fill("000000")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("six digits").fill(app.now())
    page.get_by_role("button", name="Set up").click()
    codes = page.get_by_label("Recovery codes").get_by_role("listitem").all_inner_texts()
    assert len(codes) == second_factor.RECOVERY_CODES
    page.get_by_role("link", name="go on").click()
    expect(page.get_by_text("10 of your recovery codes are left")).to_be_visible()

    page.goto(f"{address}/auth/logout")
    _give_password(page, f"{address}/login?next=/account", account.login)
    expect(page.get_by_role("heading", name="Your code")).to_be_visible()
    assert not [cookie for cookie in context.cookies() if cookie["name"] == COOKIE]
    page.get_by_label("Code").fill("123 456")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The code is not right")
    page.get_by_label("Code").fill(new_code(app))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()

    page.goto(f"{address}/auth/logout")
    _give_password(page, f"{address}/login?next=/account", account.login)
    page.get_by_label("Code").fill(codes[3].lower())
    page.keyboard.press("Enter")
    expect(page.get_by_text("9 of your recovery codes are left")).to_be_visible()
    page.locator("#p-remove").fill("not my password at all")
    page.get_by_role("button", name="Remove the second factor").click()
    expect(page.get_by_role("alert")).to_contain_text("The password is not right")
    page.locator("#p-remove").fill(schools.PASSWORD)
    page.get_by_role("button", name="Remove the second factor").click()
    expect(page.get_by_role("status")).to_contain_text("removed")


def test_a_code_leads_to_the_pages(
    running: Browser, address: str, school: schools.School, account: accounts.Account
) -> None:
    app = pyotp.TOTP(second_factor.begin(school.engine, account).secret)
    earlier = app.at(dt.datetime.now(), counter_offset=-1)  # so that the present code has not been used
    second_factor.confirm(school.engine, account, earlier, source="test")
    context = chromium.new_context(running)
    page = context.new_page()
    _give_password(page, f"{address}/analyst-catalogue", account.login)
    page.get_by_label("Code").fill(app.now())
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Catalogue", exact=True)).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible(timeout=30_000)
    context.close()


def test_reset_link_sets_a_password_once(
    context: BrowserContext, address: str, school: schools.School, account: accounts.Account
) -> None:
    link = f"{address}/login/reset?token={resets.make(school.engine, account.login)}"
    page = context.new_page()
    page.goto(link)
    for first, second, problem in (
        ("two different words", "words that differ", "not the same"),
        ("qwertyuiop", "qwertyuiop", "too easy to guess"),
    ):
        page.get_by_label("New password").fill(first)
        page.get_by_label("The same again").fill(second)
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_role("alert")).to_contain_text(problem)
    page.get_by_label("New password").fill("grey heron by the weir")
    page.get_by_label("The same again").fill("grey heron by the weir")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_role("heading", name="Your password is set")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    _give_password(page, f"{address}/login?next=/account", account.login, "grey heron by the weir")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()


def test_password_and_sessions_are_the_owner_s(
    context: BrowserContext, address: str, school: schools.School, account: accounts.Account
) -> None:
    elsewhere = sessions.log_in(school.engine, account.login, schools.PASSWORD, "10.1.2.3")
    page = context.new_page()
    _give_password(page, f"{address}/login?next=/account", account.login)
    expect(page.get_by_text("from 10.1.2.3")).to_be_visible()
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("That session has ended")
    assert sessions.viewer(school.engine, elsewhere) is None
    before = _cookie(context)
    page.get_by_label("Current password").fill(schools.PASSWORD)
    page.locator("#password").fill("grey heron by the weir")
    page.locator("#again").fill("grey heron by the weir")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status")).to_contain_text("Your password is changed")
    assert _cookie(context) != before
    assert sessions.viewer(school.engine, before) is None
    assert sessions.viewer(school.engine, _cookie(context)) is not None


def test_forms_of_another_site_change_nothing(
    address: str, school: schools.School, account: accounts.Account
) -> None:
    token = sessions.log_in(school.engine, account.login, schools.PASSWORD, "test")
    with httpx.Client(base_url=address, cookies={COOKIE: token}) as client:
        for path in (
            "/account/password",
            "/account/second-factor",
            "/account/second-factor/confirm",
            "/account/second-factor/remove",
            "/account/recovery-codes",
            "/account/sessions",
            "/login/reset",
        ):
            form = {
                "current": schools.PASSWORD,
                "password": "grey heron by the weir",
                "form_token": "guessed",
            }
            assert client.post(path, data=form).status_code == 403, path
        for path in ("/login/code", "/login/enrol"):  # nobody waits for a code in this browser either
            assert client.post(path, data={"code": "123456"}).status_code == 401, path
    with httpx.Client(base_url=address) as stranger:
        assert stranger.get("/account").status_code == 303
        assert stranger.post("/account/sessions").status_code == 401


def test_cookies_travel_by_tls_only_behind_tls(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        assert "Secure" not in client.get("/login").headers["set-cookie"]
        answer = client.get("/login", headers={"X-Forwarded-Proto": "https"})
        assert "Secure" in answer.headers["set-cookie"] and "HttpOnly" in answer.headers["set-cookie"]


def _give_password(page: Page, url: str, login: str, password: str = schools.PASSWORD) -> None:
    page.goto(url)
    page.get_by_label("User name").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def _cookie(context: BrowserContext) -> str:
    return next(str(cookie["value"]) for cookie in context.cookies() if cookie["name"] == COOKIE)
