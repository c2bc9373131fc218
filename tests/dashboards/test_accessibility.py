"""Every page of every role in a real browser: axe-core finds nothing of ours, and Tab alone reaches every control in order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from dashboards.menu import PAGES
from tests.dashboards import accessibility
from tests.dashboards import browser as chromium
from tests.dashboards import school as schools

pytestmark = pytest.mark.browser
ROLES = list(dict.fromkeys(spec.roles[0] for spec in PAGES))


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with chromium.browser() as started:
        yield started


@pytest.mark.parametrize("role", ROLES)
def test_pages_keep_wcag_and_work_by_keyboard(
    school: schools.School, address: str, running: Browser, role: str
) -> None:
    """The theme is dark for every other role: both are seen, each page once."""
    theme = "dark" if ROLES.index(role) % 2 else "light"
    context = chromium.new_context(running, theme=theme)
    page = chromium.log_in(context, address, school.logins[role], schools.PASSWORD)
    found = {}
    for spec in [spec for spec in PAGES if role in spec.roles and spec.in_menu]:
        chromium.follow(page, spec.path)
        problems = {"axe": accessibility.violations(page), **accessibility.walk(page).problems}
        found |= {(spec.path, what): said for what, said in problems.items() if said}
    context.close()
    assert not found


def test_login_keeps_wcag_and_works_by_keyboard(address: str, running: Browser) -> None:
    for theme in ("light", "dark"):
        context = chromium.new_context(running, theme=theme)
        page = context.new_page()
        page.goto(f"{address}/login")
        assert not accessibility.violations(page) and not accessibility.walk(page).problems
        context.close()


def test_skip_link_leads_past_the_menu(school: schools.School, address: str, running: Browser) -> None:
    context = chromium.new_context(running)
    page = chromium.log_in(context, address, school.logins["analyst"], schools.PASSWORD)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('[data-testid=stMain]')")
    context.close()
