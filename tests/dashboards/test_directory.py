"""Log-in with a real directory in a real browser: in by its password, told when it is down, out when it shuts somebody out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from people import accounts
from tests.dashboards import browser as chromium
from tests.dashboards import school as schools
from tests.ldap_server import PASSWORD, PEOPLE, READER, Directory, directory

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ldap(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("ldap"), free_port(), free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def door(school: schools.School, serve: Callable[..., str], ldap: Directory) -> str:
    """A server that asks the directory, and asks again every second about those who are in."""
    given = {
        "name": "school",
        "url": ldap.start_tls_url,
        "ca_file": str(ldap.ca_file),
        "bind_dn": READER,
        "bind_password": PASSWORD,
        "search_base": PEOPLE,
        "disabled_filter": "(employeeType=disabled)",
        "tenant": schools.TENANT,
        "check_minutes": 1 / 60,
    }
    return serve(school, LEARNLAKE_LDAP=json.dumps(given))


def test_directory_log_in_until_the_directory_says_no(
    door: str, ldap: Directory, school: schools.School
) -> None:
    accounts.create(
        school.engine, tenant=schools.TENANT, login="ldap-ada", password=None, role_names=["analyst"]
    )
    dn = ldap.add_person("ldap-ada")
    with chromium.browser() as running:
        page = chromium.new_context(running).new_page()
        _log_in(page, door, "ldap-ada", "not the directory's words")
        expect(page.get_by_role("alert")).to_contain_text("not right")
        ldap.stop()
        _log_in(page, door, "ldap-ada", PASSWORD)
        expect(page.get_by_role("alert")).to_contain_text("directory does not answer", timeout=30_000)
        _log_in(page, door, "analyst", schools.PASSWORD)  # a local account doesn't need it
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        page.goto(f"{door}/auth/logout")
        ldap.start()
        _log_in(page, door, "ldap-ada", PASSWORD)
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        expect(page.get_by_text("by ldap:school")).to_be_visible()
        page.goto(f"{door}/analyst-catalogue")
        expect(page.get_by_role("heading", name="Catalogue", exact=True)).to_be_visible(timeout=30_000)
        ldap.change(dn, employeeType=["disabled"])  # and the open page ends by itself
        expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=60_000)


def _log_in(page: Page, door: str, login: str, password: str) -> None:
    page.goto(f"{door}/login?next=/account")
    page.get_by_label("User name").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
